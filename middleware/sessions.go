package middleware

import (
	"crypto/sha256"
	"errors"
	"iter"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

const (
	defaultSessions = 50_000
	maxCookies      = 64   // cookies of a request that are checked
	maxCookie       = 8192 // bytes of a Cookie header that are checked
)

// SessionsConfig describes the sessions. Names is required.
type SessionsConfig struct {
	// Names are the names of the cookies that the site sets for logged-in visitors. A
	// star at the end stands for any text: wordpress_logged_in_*.
	Names []string

	// Size is the maximum number of sessions. One client may have a hundredth of them
	// (at least 8). Beyond it, the least recently used ones are forgotten. Default:
	// 50,000.
	Size int

	// TTL is how long a session is known after the site began it. Default: 24h.
	TTL time.Duration
}

// Sessions knows the sessions that a site itself has begun, by the cookies that it has
// set: a cookie in a request proves nothing, because a client can invent one. A session
// is only valid for the client with which it began (an address or a /64), until the
// site deletes or replaces the cookie, or TTL is over. So a registered user is not
// exempt forever, nor from everywhere. It stores only hashes of 16 bytes. It is safe
// for use by many goroutines.
type Sessions struct {
	names []string
	size  int
	ttl   time.Duration

	mu         sync.Mutex // two generations: a session in use moves into the young one
	old, young map[[16]byte]time.Time
	shares     map[netip.Prefix]int // the number of young sessions by client
	turned     time.Time
}

// NewSessions returns an empty Sessions.
func NewSessions(cfg SessionsConfig) (*Sessions, error) {
	if len(cfg.Names) == 0 {
		return nil, errors.New("sessions: no names of cookies: want at least one, such as wordpress_logged_in_*")
	}
	for _, name := range cfg.Names {
		if strings.Trim(name, "*") == "" {
			return nil, errors.New("sessions: a name is empty or only a star: want the beginning of a cookie's name, such as wordpress_logged_in_*")
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

// Known reports whether r, from this client, belongs to a session that the site has
// begun.
func (s *Sessions) Known(r *http.Request, client netip.Addr) bool {
	for name, value := range s.cookies(r) {
		if s.has(name, value, event.ClientOf(client)) {
			return true
		}
	}
	return false
}

// cookies yields the cookies of r with one of the names.
func (s *Sessions) cookies(r *http.Request) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, line := range r.Header["Cookie"] {
			n := 0
			for part := range strings.SplitSeq(line[:min(len(line), maxCookie)], ";") {
				if n++; n > maxCookies {
					return
				}
				name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
				if s.counts(name) && !yield(name, value) {
					return
				}
			}
		}
	}
}

// Note adds the sessions that the response to r begins, and removes those that it ends
// by deleting or replacing their cookies.
func (s *Sessions) Note(r *http.Request, response http.Header, client netip.Addr) {
	if strings.Contains(response.Get("Clear-Site-Data"), `"cookies"`) {
		s.end(r, "", client)
	}
	for _, line := range response["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil || !s.counts(c.Name) {
			continue
		}
		s.end(r, c.Name, client)
		if c.MaxAge < 0 || !c.Expires.IsZero() && c.Expires.Before(time.Now()) {
			continue
		}
		if v := strings.TrimSpace(c.Value); v != "" && v != "%20" { // WordPress deletes a cookie this way
			s.begin(key(c.Name, c.Value, event.ClientOf(client)), event.ClientOf(client))
		}
	}
}

// begin adds a session, unless the client's share is used up.
func (s *Sessions) begin(k [16]byte, client netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnLocked()
	if _, ok := s.young[k]; !ok {
		if s.shares[client] >= max(8, s.size/100) {
			return
		}
		s.shares[client]++
	}
	s.young[k] = time.Now()
}

// end removes the sessions of r whose cookies have this name, or all if name is empty.
func (s *Sessions) end(r *http.Request, name string, client netip.Addr) {
	for n, value := range s.cookies(r) {
		if name != "" && n != name {
			continue
		}
		k := key(n, value, event.ClientOf(client))
		s.mu.Lock()
		delete(s.young, k)
		delete(s.old, k)
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

func (s *Sessions) has(name, value string, client netip.Prefix) bool {
	k := key(name, value, client)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turnLocked()
	begun, young := s.young[k]
	if !young {
		begun = s.old[k] // the zero time, which is expired, if there is none
	}
	if time.Since(begun) >= s.ttl {
		return false
	}
	if !young {
		s.young[k] = begun
		s.shares[client]++
	}
	return true
}

// turnLocked turns the young generation into the old one when it has half of all
// possible entries, or is old enough.
func (s *Sessions) turnLocked() {
	now := time.Now()
	age := now.Sub(s.turned)
	if s.young != nil && len(s.young) < max(1, s.size/2) && age < s.ttl {
		return
	}
	s.old, s.young, s.turned = s.young, make(map[[16]byte]time.Time), now
	s.shares = make(map[netip.Prefix]int)
	if age >= 2*s.ttl {
		s.old = nil
	}
}

func key(name, value string, client netip.Prefix) [16]byte {
	sum := sha256.Sum256([]byte(client.String() + " " + name + "=" + value))
	return [16]byte(sum[:16])
}
