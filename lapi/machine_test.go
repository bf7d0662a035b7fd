package lapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
)

var withMachine = Config{Machine: Machine{Name: lapitest.DefaultMachine, Password: lapitest.DefaultPassword}}

const loginPath = "/v1/watchers/login"

// target returns a decision with only a prefix.
func target(s string) lookup.Decision {
	p, err := lookup.ParsePrefix(s)
	if err != nil {
		panic(err)
	}
	return lookup.Decision{Prefix: p}
}

// logins returns the number of login attempts.
func (s *scene) logins() (n int) {
	for _, r := range s.Requests() {
		if r.Path == loginPath {
			n++
		}
	}
	return n
}

// inForce returns the ids of the server's decisions in force.
func (s *scene) inForce() map[int64]bool {
	resp, err := s.client.get(s.Context(), "/v1/decisions", nil)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	dec := wire.NewDecoder()
	dec.Reset(resp.Body)
	ids := map[int64]bool{}
	for row, err := range dec.List() {
		if err != nil {
			s.Fatal(err)
		}
		ids[row.ID] = true
	}
	return ids
}

func (s *scene) unban(d lookup.Decision, want int) {
	s.Helper()
	if n, err := s.client.Unban(s.Context(), d); err != nil || n != want {
		s.Errorf("%s: %d decisions ended, want %d; %v", d.Target(), n, want, err)
	}
}

func TestUnbanEndsWhatItIsToldAndNoMore(t *testing.T) {
	all := []lapitest.Decision{
		{Value: "192.0.2.1"},
		{Value: "192.0.2.1", Type: "captcha"},
		{Value: "192.0.2.1", Origin: "CAPI"},
		{Value: "192.0.2.1/32"},
		{Value: "192.0.2.2"},
		{Value: "192.0.2.0/24"},
		{Value: "192.0.2.0/28"},
		{Value: "192.0.0.0/16", Origin: "lists"},
		{Value: "2001:db8::1"},
		{Value: "2001:DB8:0::1"},
		{Value: "2001:db8::/32"},
		{Scope: "Country", Value: "FR"},
		{Scope: "AS", Value: "64496"},
		{Scope: "AS", Value: "AS64496"},
		{Scope: "AS", Value: "644960"},
		{Scope: "username", Value: "64496"},
		{Scope: "username", Value: "FR"},
	}
	tests := []struct {
		name   string
		target lookup.Decision
		want   int
		ended  string // values whose decisions have ended
	}{
		{"an address, however it is spelled", target("192.0.2.1"), 4, "192.0.2.1 192.0.2.1/32"},
		{"an address of IPv6", target("2001:db8::1"), 2, "2001:db8::1 2001:DB8:0::1"},
		{"an address mapped into IPv6", target("::ffff:192.0.2.2"), 1, "192.0.2.2"},
		{"a range, but neither what is in it nor what it is in", target("192.0.2.0/24"), 1, "192.0.2.0/24"},
		{"a range of IPv6", target("2001:db8::/32"), 1, "2001:db8::/32"},
		{"a country", lookup.Decision{Country: "fr"}, 1, "FR"},
		{"an autonomous system", lookup.Decision{AS: 64496}, 2, "64496 AS64496"},
		{"an address that is not there", target("192.0.2.9"), 0, ""},
		{"a range that is not there", target("192.0.2.0/25"), 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := withMachine
			playFiltered(t, cfg, func(s *scene) {
				s.client.cfg.Scopes = []Scope{"ip", "range", "country", "as", "username"}
				ids := s.Add(all...)
				s.unban(tt.target, tt.want)
				left := s.inForce()
				for i, d := range all {
					wanted := !strings.Contains(" "+tt.ended+" ", " "+d.Value+" ") || d.Scope == "username"
					if left[ids[i]] != wanted {
						s.Errorf("%s %s: left is %v", d.Scope, d.Value, !wanted)
					}
				}
			})
		})
	}
}

func TestAnUnbanIsFeltAtOnce(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.Add(lapitest.Decision{Value: "192.0.2.1"}, lapitest.Decision{Value: "192.0.2.1/32"})
		s.run()
		s.after(time.Second)
		s.unban(target("192.0.2.1"), 2)
		synctest.Wait()
		s.want("192.0.2.1", lookup.None)
		s.unban(target("192.0.2.1"), 0)
		synctest.Wait()
		s.wantFull(true, true) // no full answer without a reason
	})
}

func TestUnbanWithoutAMachine(t *testing.T) {
	playWith(t, lapitest.Config{}, Config{}, func(s *scene) {
		if _, err := s.client.Unban(s.Context(), target("192.0.2.1")); !errors.Is(err, ErrNoMachine) {
			t.Error(err)
		}
		if len(s.Requests()) > 0 {
			t.Error("something was asked")
		}
	})
}

func TestUnbanOfNothing(t *testing.T) {
	playWith(t, lapitest.Config{}, withMachine, func(s *scene) {
		for _, d := range []lookup.Decision{{}, {Country: "France"}} {
			if _, err := s.client.Unban(s.Context(), d); err == nil || !strings.Contains(err.Error(), "no target: want an address") {
				t.Error(err)
			}
		}
		if len(s.Requests()) > 0 {
			t.Error("something was asked") // it would have ended all decisions
		}
	})
}

func TestATokenIsUsedUntilItIsRefused(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		for range 3 {
			s.unban(target("192.0.2.1"), 0)
		}
		if n := s.logins(); n != 1 {
			t.Errorf("%d logins", n)
		}
		s.Restart() // all tokens become invalid
		s.unban(target("192.0.2.1"), 0)
		s.after(61 * time.Minute) // also after an hour
		s.unban(target("192.0.2.1"), 0)
		if n := s.logins(); n != 3 {
			t.Errorf("%d logins", n)
		}
	})
}

func TestManyAtOnceLogInOnce(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		for _, want := range []int{1, 2} {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { s.unban(target("192.0.2.1"), 0) })
			}
			wg.Wait()
			if n := s.logins(); n != want {
				t.Errorf("%d logins, want %d", n, want)
			}
			s.Restart()
		}
	})
}

func TestTheClockOfTheServerDoesNotMatter(t *testing.T) {
	for name, off := range map[string]time.Duration{"a day ahead": 24 * time.Hour, "a day behind": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			playFiltered(t, withMachine, func(s *scene) {
				s.InjectWhen(lapitest.Path(loginPath), -1, func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
					answer(&shifted{w, off}, r)
				})
				s.unban(target("192.0.2.1"), 0)
				s.unban(target("192.0.2.1"), 0)
				s.after(2 * time.Hour)
				s.unban(target("192.0.2.1"), 0)
				if n := s.logins(); n != 2 {
					t.Errorf("%d logins", n)
				}
			})
		})
	}
}

// shifted changes the end of a token.
type shifted struct {
	http.ResponseWriter
	off time.Duration
}

func (w *shifted) Write(p []byte) (int, error) {
	var in struct {
		Code   int       `json:"code"`
		Expire time.Time `json:"expire"`
		Token  string    `json:"token"`
	}
	if err := json.Unmarshal(p, &in); err != nil {
		return 0, err
	}
	in.Expire = in.Expire.Add(w.off)
	out, err := json.Marshal(in)
	if err != nil {
		return 0, err
	}
	_, err = w.ResponseWriter.Write(out)
	return len(p), err
}

func TestFailuresOfAMachineAreExplained(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte(r.Header.Get("Authorization") + lapitest.DefaultPassword))
	}
	deletion := func(r *http.Request) bool { return r.Method == http.MethodDelete }
	tests := []struct {
		name  string
		match func(*http.Request) bool
		fault lapitest.Fault
		want  string
	}{
		{"a wrong password", lapitest.Path(loginPath), lapitest.Status(401, nil, `{"code":401,"message":"incorrect Username or Password"}`), "logging in as machine testmachine: status 401: \"incorrect Username or Password\": check the name and password"},
		{"a login with HTML", lapitest.Path(loginPath), lapitest.Raw("<html>"), "logging in as machine testmachine: reading the answer: invalid character '<'"},
		{"a login without a token", lapitest.Path(loginPath), lapitest.Raw(`{"code":200}`), "the answer has no token"},
		{"an endless login", lapitest.Path(loginPath), lapitest.GiantString(1 << 30), "the answer is too large"},
		{"a login that hangs", lapitest.Path(loginPath), lapitest.Hang(), "context deadline exceeded"},
		{"a token that is refused anew", deletion, lapitest.Status(401, nil, ""), "status 401: check the name and password"},
		{"a server that echoes the secrets", deletion, echo, `status 502: "Bearer ……"`},
		{"an answer that hangs", deletion, lapitest.Stall(3), "context deadline exceeded"},
		{"an answer cut short", deletion, lapitest.Cut(3), "unexpected EOF"},
		{"an answer without a number", deletion, lapitest.Raw(`{"nbDeleted":"many"}`), `"\"many\"" is not a number of decisions`},
		{"a filter that the server does not know", deletion, lapitest.Status(500, nil, `{"message":"invalid filter"}`), `ending decisions about 192.0.2.1: status 500: "invalid filter"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			playFiltered(t, withMachine, func(s *scene) {
				s.InjectWhen(tt.match, -1, tt.fault)
				start := time.Now()
				_, err := s.client.Unban(s.Context(), target("192.0.2.1"))
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), lapitest.DefaultPassword) {
					t.Errorf("error %v, want %s", err, tt.want)
				}
				if d := time.Since(start); d > 10*time.Second {
					t.Errorf("it took %v", d)
				}
				if n := s.logins(); n > 2 {
					t.Errorf("%d logins", n)
				}
			})
		})
	}
}

func TestUnbanEndsWithItsContext(t *testing.T) {
	playFiltered(t, withMachine, func(s *scene) {
		s.InjectWhen(lapitest.Path(loginPath), -1, lapitest.Hang())
		var wg sync.WaitGroup
		for range 3 { // one logs in, the others wait for it
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(s.Context(), time.Second)
				defer cancel()
				start := time.Now()
				if _, err := s.client.Unban(ctx, target("192.0.2.1")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		}
		wg.Wait()
	})
}
