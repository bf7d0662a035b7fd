package builtin

import (
	"os"
	"runtime"
	"testing"

	"github.com/tocsin-project/tocsin/internal/heaptest"
	"github.com/tocsin-project/tocsin/waf"
)

// All rules together stay below 4 MB. Tables of signs are made when they are needed first;
// with all of them it is less than 10 MB.
func TestMemoryOfRules(t *testing.T) {
	const most, mostInUse = 4_000_000, 10_000_000
	cfg := waf.LoadConfig{Sets: []waf.Set{Set()}}
	if os.Getenv("TOCSIN_WAF_SUITE") != "" {
		cfg.Paths = []string{hubPath(t)}
	}
	load(t, cfg) // what is made once
	before := heaptest.Bytes()
	rules, d := load(t, cfg), newDetector()
	loaded := heaptest.Bytes() - before
	for i := range d.signs {
		d.signs[i].table()
		if counting := d.signs[i].counting; counting != nil {
			counting()
		}
	}
	inUse := heaptest.Bytes() - before
	t.Logf("%d rules: %.2f MB, with all tables %.2f MB", len(rules.Rules()), float64(loaded)/1e6, float64(inUse)/1e6)
	if (loaded > most || inUse > mostInUse) && !raceEnabled {
		t.Errorf("%d and %d bytes, want at most %d and %d", loaded, inUse, most, mostInUse)
	}
	runtime.KeepAlive(rules)
	runtime.KeepAlive(d)
}
