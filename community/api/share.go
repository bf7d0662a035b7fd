package api

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/tocsin-project/tocsin/lookup"
)

// maxShares is the limit of remembered callers. A forgotten caller starts anew.
const maxShares = 1 << 16

// shares limits the requests of each caller, so that no caller slows the others.
type shares struct {
	perSecond rate.Limit
	burst     int
	atOnce    int

	mu   sync.Mutex
	last *simplelru.LRU[string, *share]
}

// A share counts the requests of one caller.
type share struct {
	rate *rate.Limiter
	busy int // requests in progress; guarded by shares.mu
}

func newShares(perSecond float64, burst, atOnce int) *shares {
	last, _ := simplelru.NewLRU[string, *share](maxShares, nil) // fails only for a size below 1
	return &shares{perSecond: rate.Limit(perSecond), burst: burst, atOnce: atOnce, last: last}
}

// take takes a request from who's share. The caller calls release after the answer.
func (s *shares) take(who string, now time.Time) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine, ok := s.last.Get(who)
	if !ok {
		mine = &share{rate: rate.NewLimiter(s.perSecond, s.burst)}
		s.last.Add(who, mine)
	}
	if mine.busy >= s.atOnce {
		return nil, refusal{http.StatusTooManyRequests, "too many requests at once", time.Second}
	}
	turn := mine.rate.ReserveN(now, 1)
	if wait := turn.DelayFrom(now); wait > 0 {
		turn.CancelAt(now)
		return nil, refusal{http.StatusTooManyRequests, "too many requests", max(wait, time.Second)}
	}
	mine.busy++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		mine.busy--
	}, nil
}

// source returns the network of a stranger. A stranger often has many addresses of a network.
func source(from netip.Addr) string {
	return "from " + lookup.Network(lookup.Normalize(from), 32, 56).String()
}
