package detect

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// What is remembered of a text is what a search of it finds, also after others took its
// place, and where the text is too short to be remembered.
func TestARememberedSearchFindsWhatASearchFinds(t *testing.T) {
	p := New(Config{Rules: Merge(testRules(t), builtinRules(t))}).prog.Load()
	var texts []string
	for i := range 500 {
		texts = append(texts,
			fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0", i),
			fmt.Sprintf("a program that calls itself sqlmap/%d.0, nikto and zgrab", i),
			fmt.Sprint("nikto/", i))
	}
	e := &event.Event{Target: "/"}
	v := p.open(e, event.ClientOf(e.Client))
	defer v.close()
	copy(v.allowed, p.both)
	scan := &p.idx.scans[hayAgent]
	found := 0
	for range 2 {
		for _, text := range slices.Concat(texts, texts[:9]) {
			clear(v.bits)
			v.scan(scan, text)
			want := slices.Clone(v.bits)
			for range 2 {
				clear(v.bits)
				v.scanRecent(scan, text, v.agents)
				if !slices.Equal(v.bits, want) {
					t.Fatalf("%q: the remembered search allows %b, want %b", text, v.bits, want)
				}
			}
			if slices.ContainsFunc(want, func(w uint64) bool { return w != 0 }) {
				found++
			}
		}
	}
	if found < 1000 || found == 2*len(texts) {
		t.Fatalf("%d of %d texts hold what scenarios look for: the test tells nothing", found, 2*len(texts))
	}
}
