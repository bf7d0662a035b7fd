package lapi

import (
	"maps"
	"reflect"
	"slices"
	"testing"
)

// Each kind of row has its own counter, so that operators see it.
func TestEveryKindOfRowIsCounted(t *testing.T) {
	var r Rows
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		v.Field(i).SetUint(uint64(100 + i))
	}
	got := slices.Sorted(maps.Values(r.counts()))
	if want := []uint64{100, 101, 102, 103, 104, 105, 106, 107, 108}; !slices.Equal(got, want) {
		t.Errorf("counted %d, want %d", got, want)
	}
}

func TestReportsOfUsageAreCounted(t *testing.T) {
	var u Usage
	u.note(nil)
	u.note(errPaused)
	u.note(errPaused)
	all := map[string]uint64{}
	u.counts(all)
	if want := map[string]uint64{"usage_reports": 1, "usage_failed": 2}; !maps.Equal(all, want) {
		t.Errorf("counted %v, want %v", all, want)
	}
}
