package builtin

import "testing"

// Every sign has a table, so that a byte costs the same whatever a text
// is made of, and nearly all have literals, so that they are held against few texts.
func TestSignsAreCheap(t *testing.T) {
	d := newDetector()
	free := 0
	for i := range d.signs {
		s := &d.signs[i]
		if s.table() == nil || s.table().States() == 0 {
			t.Errorf("it has no table: %s", s.pattern)
		}
		if len(s.literals) == 0 {
			free++
			t.Logf("without literals: %s", s.pattern)
		}
	}
	if free > 12 {
		t.Errorf("%d signs without literals", free)
	}
}
