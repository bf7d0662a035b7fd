package appsectest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ask asks s without a wire, as version of HTTP, and returns the status of the answer.
func ask(ctx context.Context, s *Server, body, version string) int {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(body))
	for name, value := range map[string]string{"Api-Key": Key, "Ip": "192.0.2.7", "Uri": "/", "Verb": "POST", "Http-Version": version} {
		r.Header.Set(prefix+name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code
}

func TestARunnerJudgesSoManyAtATime(t *testing.T) {
	for _, row := range []struct {
		name   string
		runner Runner
		want   time.Duration // for four bodies of 1000 bytes
	}{
		{"at once", Runner{}, 0},
		{"slow by size, side by side", Runner{PerByte: time.Millisecond}, time.Second},
		{"slow by size, one after the other", Runner{Routines: 1, PerByte: time.Millisecond}, 4 * time.Second},
		{"slow by size, two at a time", Runner{Routines: 2, PerByte: time.Millisecond}, 2 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s Server
				s.Run(row.runner)
				began := time.Now()
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() { ask(t.Context(), &s, strings.Repeat("x", 1000), "11") })
				}
				wg.Wait()
				if took := time.Since(began); took != row.want {
					t.Errorf("it took %v, want %v", took, row.want)
				}
			})
		})
	}
}

func TestARunnerTakesTimeForWhatItIsAsked(t *testing.T) {
	for _, row := range []struct {
		name   string
		runner Runner
		body   string
		want   time.Duration
	}{
		{"nothing", Runner{}, "slow-rule", 0},
		{"each question", Runner{PerQuestion: time.Second}, "", time.Second},
		{"each byte of a body", Runner{PerByte: time.Second}, "four", 4 * time.Second},
		{"each byte of a head, without what is for AppSec", Runner{PerHeadByte: time.Second}, "", 6 * time.Second},
		{"a slow rule", Runner{SlowRule: time.Minute}, "a slow-rule", time.Minute},
		{"a slow rule that has nothing to do", Runner{SlowRule: time.Minute}, "a rule", 0},
		{"all", Runner{PerQuestion: time.Second, PerByte: time.Second, PerHeadByte: time.Second, SlowRule: time.Minute}, "slow-rule", 76 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			q := Question{Body: []byte(row.body), Header: http.Header{"X-A": {"123"}, prefix + "Uri": {"/abc"}}}
			if took := row.runner.takes(&q); took != row.want {
				t.Errorf("%v, want %v", took, row.want)
			}
		})
	}
}

// A client that disconnects does not free the runner.
func TestARunnerWorksOnForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Server
		s.Run(Runner{Routines: 1, PerByte: time.Millisecond})
		ctx, cancel := context.WithCancel(t.Context())
		go ask(ctx, &s, strings.Repeat("x", 5000), "11")
		synctest.Wait()
		cancel()
		began := time.Now()
		ask(t.Context(), &s, "", "11")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the next one took %v", took)
		}
	})
}

func TestARunnerMayKnowNoHTTP3(t *testing.T) {
	for _, row := range []struct {
		name    string
		runner  Runner
		version string
		want    int
	}{
		{"HTTP/3 as the default rules have it", Runner{}, "30", 200},
		{"HTTP/3 as CRS 4.0.0-rc1 has it", Runner{NoHTTP3: true}, "30", 403},
		{"HTTP/2 as CRS 4.0.0-rc1 has it", Runner{NoHTTP3: true}, "20", 200},
	} {
		var s Server
		s.Run(row.runner)
		if got := ask(t.Context(), &s, "", row.version); got != row.want {
			t.Errorf("%s: status %d, want %d", row.name, got, row.want)
		}
	}
}

// A body that comes over a wire is read before its turn comes, as CrowdSec does.
func TestARunnerOverAWire(t *testing.T) {
	s := Start(t, nil)
	s.Run(Runner{Routines: 1, PerByte: time.Microsecond})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("evil"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Api-Key": Key, "Ip": "192.0.2.7", "Uri": "/", "Verb": "POST"} {
		r.Header.Set(prefix+name, value)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); resp.StatusCode != 403 || string(text) != `{"action":"ban","http_status":403}` || err != nil {
		t.Errorf("%d, %s, %v", resp.StatusCode, text, err)
	}
}
