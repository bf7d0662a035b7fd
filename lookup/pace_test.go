package lookup

import (
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	const step = 5 * time.Microsecond // what one takes
	for _, c := range []struct {
		name     string
		pacer    pacer
		work     time.Duration
		min, max time.Duration // in all
	}{
		{"one that is not gentle never pauses", pacer{}, time.Second, time.Second, time.Second},
		{"a small change is made in one go", pacer{gentle: true}, 100 * time.Microsecond, 100 * time.Microsecond, 100 * time.Microsecond},
		{"a change of thousands makes way nine tenths of the time", pacer{gentle: true}, 50 * time.Millisecond, 450 * time.Millisecond, 550 * time.Millisecond},
		{"a large one takes twice as long and a second more", pacer{gentle: true}, 2 * time.Second, 4 * time.Second, 5 * time.Second},
		{"so it does with a lock", pacer{gentle: true, lock: new(wlock)}, 2 * time.Second, 4 * time.Second, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.pacer.lock != nil {
					c.pacer.lock.Lock()
					defer c.pacer.lock.Unlock()
				}
				began := time.Now()
				for range c.work / step {
					advance(step)
					c.pacer.step()
				}
				if took := time.Since(began); took < c.min || took > c.max {
					t.Errorf("took %v, want from %v to %v", took, c.min, c.max)
				}
			})
		})
	}
}

// A writer that pauses for an hour must not let another wait: neither one that
// comes during the pause nor one that was there before.
func TestNoWriterWaitsForAPause(t *testing.T) {
	for name, before := range map[string]bool{"it comes during the pause": false, "it was there before": true} {
		t.Run(name, func(t *testing.T) {
			var l wlock
			l.Lock()
			got := make(chan struct{})
			come := func() {
				l.Lock()
				defer l.Unlock()
				close(got)
			}
			if before {
				go come()
				for l.waiting.Load() == 0 {
					<-time.After(time.Millisecond)
				}
			} else {
				go func() {
					for l.knock.Load() == nil {
						<-time.After(time.Millisecond)
					}
					come()
				}()
			}
			l.pause(time.Hour)
			l.Unlock()
			<-got
		})
	}
}

// TestAGentleBatchDoesTheSame exchanges all decisions of a table, which makes it
// rebuild itself, too.
func TestAGentleBatchDoesTheSame(t *testing.T) {
	const n = 10_000
	all := population(rand.New(rand.NewPCG(4, 2)), 2*n)
	var hasty, gentle Table
	hasty.Replace("a", all[:n])
	gentle.Replace("a", all[:n])
	hasty.Replace("a", all[n:])
	if gentle.Batch("new").Gently().pace.gentle {
		t.Error("the first that a source says is not urgent")
	}
	b := gentle.Batch("a").Gently()
	for _, d := range all[n:] {
		b.Add(d)
	}
	if b.pace.turns == 0 {
		t.Error("no pause while it was filled")
	}
	paused, done := make(chan bool), make(chan struct{})
	go func() {
		for gentle.mu.knock.Load() == nil {
			select {
			case <-done:
				paused <- false
				return
			case <-time.After(10 * time.Microsecond):
			}
		}
		paused <- true
	}()
	b.Replace()
	close(done)
	if !<-paused {
		t.Error("no pause while it was put into force")
	}
	if want, got := ends(&hasty), ends(&gentle); !maps.Equal(got, want) {
		t.Errorf("%d decisions, want %d", len(got), len(want))
	}
	if b.Add(all[0]); !b.pace.gentle || b.Added() != 1 {
		t.Error("a batch that is used again is another")
	}
}

func ends(t *Table) map[identity]int64 {
	m := map[identity]int64{}
	for d := range t.All() {
		m[identity{d.Source, d.Prefix, d.Action}] = d.Until.Round(time.Second).Unix()
	}
	return m
}
