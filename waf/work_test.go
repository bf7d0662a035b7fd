package waf

import (
	"testing"
	"testing/fstest"
)

// A meter is a detector that took so much work, and keeps what it was allowed last.
type meter struct {
	recorderWatch
	took, allowed int
}

func (m *meter) Rules() []Rule             { return nil }
func (m *meter) Watch() Watch              { return m }
func (m *meter) Look(Part, []byte, []byte) {}
func (m *meter) Work() int                 { return m.took }
func (m *meter) Allow(units int)           { m.allowed = units }

// Rules and detectors share what one request may take. What a detector takes in the head is
// no longer there for the body, and the head leaves enough to read that.
func TestDetectorsGetWhatRulesLeave(t *testing.T) {
	for _, row := range []struct {
		name              string
		took, spent, body int
		least, most       int // that detectors are allowed for the body
		isCostly          bool
	}{
		{"an ordinary request", 1000, 5000, 1000, 2_580_000, 2_600_000, false},
		{"a large body", 1000, 1_500_000, 131_072, 1_070_000, 1_150_000, false},
		{"all that the rules may take", 1000, 2_320_000, 131_072, 260_000, 330_000, true},
		{"a long head and a large body", 1_800_000, 900_000, 131_072, 1_690_000, 1_750_000, true},
		{"a body of 8 MiB", 1000, 84_880_000, 8 << 20, 330_000, 340_000, false},
	} {
		m := &meter{took: row.took}
		rules, err := Load(LoadConfig{Sets: []Set{{Name: "own", Files: fstest.MapFS{}, Detector: m}}})
		if err != nil {
			t.Fatal(err)
		}
		in := rules.Head(&Request{Method: "POST", Target: "/", HasBody: true})
		if head := m.allowed; head < 1_590_000 || head > 1_600_000 {
			t.Errorf("%s: allowed %d in the head", row.name, head)
		}
		in.length, in.awaits = row.body, false
		in.spend(row.spent)
		in.allow()
		if m.allowed < row.least || m.allowed > row.most || in.isSpent() != row.isCostly {
			t.Errorf("%s: allowed %d, costly: %v", row.name, m.allowed, in.isSpent())
		}
		in.Close()
	}
}
