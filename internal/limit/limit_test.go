package limit_test

import (
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/limit"
)

// Two tokens at once, and one more each four seconds.
func TestTake(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := limit.New(limit.Config[string]{PerSecond: 0.25, Burst: 2, Most: 10, Now: func() time.Time { return now }})
	for i, row := range []struct {
		after time.Duration
		key   string
		n     int
		retry time.Duration
	}{
		{0, "a", 0, 0}, // a check takes nothing
		{0, "a", 1, 0},
		{0, "a", 2, 4 * time.Second}, // and nothing is taken
		{0, "a", 1, 0},
		{0, "a", 0, 4 * time.Second},
		{0, "b", 2, 0}, // another key has its own
		{2 * time.Second, "a", 1, 2 * time.Second},
		{2 * time.Second, "a", 1, 0},
		{3900 * time.Millisecond, "a", 1, time.Second}, // a second at least
		{time.Hour, "a", 2, 0},                         // two at most
		{0, "a", 1, 4 * time.Second},
		{-time.Hour, "a", 1, 4 * time.Second}, // a clock that is set back gives nothing
	} {
		now = now.Add(row.after)
		if retry, ok := l.Take(row.key, row.n); retry != row.retry || ok != (row.retry == 0) {
			t.Errorf("%d: %v, %v; want %v", i, retry, ok, row.retry)
		}
	}
}

func TestKeysBeyondTheLimitShareOneAllowance(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := limit.New(limit.Config[int]{PerSecond: 1, Burst: 2, Most: 100, Now: func() time.Time { return now }})
	for key := 1; key <= 300; key++ {
		l.Take(key, 1)
	}
	if keys, wide := l.Sizes(); keys != 101 || wide != 0 { // and the shared one
		t.Errorf("%d keys, %d wide ones", keys, wide)
	}
	if _, ok := l.Take(299, 1); ok {
		t.Error("the shared allowance is not used up")
	}
	if _, ok := l.Take(1, 1); !ok {
		t.Error("a key pays for others")
	}
	now = now.Add(time.Minute)
	l.Take(1000, 1)
	if keys, _ := l.Sizes(); keys != 1 {
		t.Errorf("%d keys after a rest", keys)
	}
}
