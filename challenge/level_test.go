package challenge

import "testing"

func TestParseLevel(t *testing.T) {
	for _, row := range []struct {
		name string
		want Level
	}{{"low", 1}, {"medium", 2}, {"high", 3}, {"", 0}, {"Low", 0}, {"highest", 0}} {
		if got, err := ParseLevel(row.name); got != row.want || (err == nil) != (row.want > 0) {
			t.Errorf("%q: %d, %v; want %d", row.name, got, err, row.want)
		}
	}
}
