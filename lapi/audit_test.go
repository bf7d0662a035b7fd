package lapi

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// steal pulls the new decisions with the same key, like a second instance.
func (s *scene) steal() {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.Server.URL+streamPath, nil)
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("X-Api-Key", s.Key)
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		s.Fatal(err)
	}
}

// fill adds decisions over some hours.
func (s *scene) fill(hours int, stolen bool) {
	for i := range hours * 60 {
		s.after(57 * time.Second)
		s.Add(lapitest.Decision{Value: fmt.Sprintf("192.0.%d.%d", i/250, i%250), Duration: 200 * time.Hour})
		if stolen && i%2 == 0 {
			s.steal()
		}
	}
}

func TestTwoInstancesOnOneKeyAreNamed(t *testing.T) {
	play(t, func(s *scene) {
		s.run()
		s.fill(6, true)
		missed := s.client.Stats().Missed
		if missed < 100 || missed > 180 {
			t.Errorf("%d decisions missed of some 180 stolen", missed)
		}
		if n := s.logs.FilterMessageSnippet("does another instance").Len(); n != 1 {
			t.Errorf("named %d times", n)
		}
	})
}

func TestOneInstanceIsNotSuspected(t *testing.T) {
	play(t, func(s *scene) {
		for i := range 100 {
			s.Add(lapitest.Decision{Value: fmt.Sprintf("198.51.100.%d", i), Origin: "CAPI", Duration: 48 * time.Hour})
		}
		s.run()
		s.fill(3, false)
		s.Reannounce()
		s.Inject(lapitest.Status(500, nil, ""))
		s.fill(3, false)
		s.Restart()
		if st := s.client.Stats(); st.Missed != 0 || s.logs.FilterMessageSnippet("does another instance").Len() != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// busy adds a decision each second before the next full answer, so that some come after
// the last delta.
func (s *scene) busy(prefix string) {
	n := s.fullPulls()
	s.after(53 * time.Minute)
	for i := 0; s.fullPulls() == n; i++ {
		s.after(time.Second)
		s.Add(lapitest.Decision{Value: fmt.Sprintf("%s.%d.%d", prefix, i/250, i%250), Duration: 48 * time.Hour})
	}
}

func TestWhatComesBeforeTheFullAnswerIsNoSuspect(t *testing.T) {
	play(t, func(s *scene) {
		s.run()
		s.busy("10.0")
		s.busy("10.1")
		s.DropDatabase() // so that ids start again
		s.AddKey(s.Key)
		s.Inject(lapitest.Status(403, nil, ""))
		s.after(time.Minute)
		s.busy("10.2")
		s.busy("10.3")
		if n := s.client.Stats().Missed; n != 0 {
			t.Errorf("%d missed", n)
		}
	})
}

func TestSingleLateDecisionsAreNoSuspects(t *testing.T) {
	play(t, func(s *scene) {
		s.run()
		for i := range 3 {
			s.after(time.Second)
			s.Add(lapitest.Decision{Value: fmt.Sprintf("192.0.2.%d", 2*i), Duration: 48 * time.Hour})
			s.steal()
			s.Add(lapitest.Decision{Value: fmt.Sprintf("192.0.2.%d", 2*i+1), Duration: 48 * time.Hour})
			s.after(3 * time.Hour)
		}
		if n := s.client.Stats().Missed; n != 3 {
			t.Errorf("%d missed", n)
		}
		if n := s.logs.FilterMessageSnippet("does another instance").Len(); n != 0 {
			t.Error("named")
		}
	})
}
