package middleware

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	defaultSessions = 50_000
	maxCookies      = 64   // of a request that are looked at
	maxCookie       = 8192 // bytes of a Cookie header that are
)

// SessionsConfig says which sessions are to be known. Names is required.
type SessionsConfig struct {
	// Names are those of the cookies that the site gives to who has logged in. A
	// star at the end stands for any rest: wordpress_logged_in_*.
	Names []string

	// Size is how many sessions are remembered. When there are more, those that
	// were not used for longest are forgotten. Default: 50,000.
	Size int

	// TTL is how long a session is remembered at least that is not used, unless
	// there are too many. Default: 24h.
	TTL time.Duration
}

// Sessions knows the sessions that a site has itself begun, by the cookies that
// it has set: that a request has such a cookie says nothing, since anybody can
// write one. It keeps hashes, 16 bytes of each, and is for many goroutines at
// once.
type Sessions struct {
	names []string
	size  int
	ttl   time.Duration

	mu         sync.Mutex // two generations: what is used moves into the young one
	old, young map[[16]byte]struct{}
	turned     time.Time
}

// NewSessions returns a Sessions that knows none yet.
func NewSessions(cfg SessionsConfig) (*Sessions, error) {
	if len(cfg.Names) == 0 {
		return nil, errors.New("sessions: names of cookies are required")
	}
	for _, name := range cfg.Names {
		if strings.Trim(name, "*") == "" {
			return nil, errors.New("sessions: a name is empty, or stands for any cookie")
		}
	}
	if cfg.Size <= 0 {
		cfg.Size = defaultSessions
	}
	if cfg.TTL <= 0 {
		cfg.TTL = 24 * time.Hour
	}
	return &Sessions{names: cfg.Names, size: cfg.Size, ttl: cfg.TTL, turned: time.Now()}, nil
}

// Known reports whether r belongs to a session that the site has begun.
func (s *Sessions) Known(r *http.Request) bool {
	for _, line := range r.Header["Cookie"] {
		n := 0
		for part := range strings.SplitSeq(line[:min(len(line), maxCookie)], ";") {
			if n++; n > maxCookies {
				return false
			}
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if s.counts(name) && s.has(name, value) {
				return true
			}
		}
	}
	return false
}

// Note remembers the sessions that a response begins.
func (s *Sessions) Note(response http.Header) {
	for _, line := range response["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil || !s.counts(c.Name) || c.MaxAge < 0 || !c.Expires.IsZero() && c.Expires.Before(time.Now()) {
			continue
		}
		if v := strings.TrimSpace(c.Value); v == "" || v == "%20" {
			continue // how WordPress takes one back
		}
		s.mu.Lock()
		s.turnLocked()
		s.young[key(c.Name, c.Value)] = struct{}{}
		s.mu.Unlock()
	}
}

func (s *Sessions) counts(name string) bool {
	for _, n := range s.names {
		if prefix, star := strings.CutSuffix(n, "*"); name == n || star && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (s *Sessions) has(name, value string) bool {
	k := key(name, value)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnLocked()
	if _, ok := s.young[k]; ok {
		return true
	}
	if _, ok := s.old[k]; !ok {
		return false
	}
	s.young[k] = struct{}{}
	return true
}

// turnLocked makes the young generation the old one when it has half of all there
// may be, or has been that for long enough.
func (s *Sessions) turnLocked() {
	now := time.Now()
	age := now.Sub(s.turned)
	if s.young != nil && len(s.young) < max(1, s.size/2) && age < s.ttl {
		return
	}
	s.old, s.young, s.turned = s.young, make(map[[16]byte]struct{}), now
	if age >= 2*s.ttl {
		s.old = nil
	}
}

func key(name, value string) [16]byte {
	sum := sha256.Sum256([]byte(name + "=" + value))
	return [16]byte(sum[:16])
}
