package wire

import (
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

func TestUsualValuesCostNoAllocation(t *testing.T) {
	for _, value := range []string{"203.0.113.254", "203.0.113.0/24"} {
		r := &Row{Value: []byte(value), Duration: []byte("3h59m58.681789647s")}
		if n := testing.AllocsPerRun(100, func() {
			_, err := r.Prefix()
			_, err2 := r.Left()
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", value, n)
		}
	}
}

// FuzzPrefix holds the fast way against the plain one.
func FuzzPrefix(f *testing.F) {
	for _, s := range []string{
		"192.0.2.1", "255.255.255.255", "256.1.1.1", "01.2.3.4", "1.2.3", "1.2.3.4.", "1.2.3.4/32", "0.0.0.0", "::1",
		"1.2.3.4/24", "1.2.3.4/0", "1.2.3.4/00", "1.2.3.4/08", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/2x", "1.2.3.4/024", "1.2.3.4.5", "1.2.3.4/8/8",
		"::ffff:192.0.2.1", "fe80::1%eth0", "1.2.3.1111", "", "1..2.3", "FR",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := (&Row{Value: []byte(s)}).Prefix()
		want, wantErr := lookup.ParsePrefix(s)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("%q: %v, %v, want %v, %v", s, got, err, want, wantErr)
		}
	})
}

// FuzzLeft holds the fast way against time.ParseDuration.
func FuzzLeft(f *testing.F) {
	for _, s := range []string{
		"3h59m58.681789647s", "23h59m59s", "0s", "-1s", "-18897h25m52.8s", "641.708614ms", "-12µs", "-12μs", "1.5h", ".5s", "5.s", "1h", "1m",
		"s", "", "1", "999999h999999m999999.999999999s", "9999999h0m0s", "1h1h1s", "1m1h1s", "1.0000000001s", "1h.5s", "1h5.s",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := (&Row{Duration: []byte(s)}).Left()
		want, wantErr := time.ParseDuration(s)
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("%q: %v, %v, want %v, %v", s, got, err, want, wantErr)
		}
	})
}

func TestPlaces(t *testing.T) {
	tests := []struct {
		name, scope, value string
		country            string
		as                 uint32
	}{
		{"a country", "Country", "FR", "FR", 0},
		{"a country in small letters", "country", "fr", "FR", 0},
		{"a number", "AS", "64496", "", 64496},
		{"a number with AS before it", "as", "AS64496", "", 64496},
		{"the greatest number", "AS", "as4294967295", "", 4294967295},
		{"no such number", "AS", "4294967296", "", 0},
		{"number 0, which is none", "AS", "AS0", "", 0},
		{"a bare AS", "AS", "AS", "", 0},
		{"AS twice", "AS", "ASAS1", "", 0},
		{"a sign", "AS", "+1", "", 0},
		{"a country by its name", "Country", "France", "", 0},
		{"a country with a digit", "Country", "F1", "", 0},
		{"a country with a bracket", "Country", "F{", "", 0},
		{"no value", "Country", "", "", 0},
		{"a country in another scope", "Ip", "FR", "", 0},
		{"a number in another scope", "username", "64496", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			country, as, ok := (&Row{Scope: tt.scope, Value: []byte(tt.value)}).Place()
			if country != tt.country || as != tt.as || ok != (country != "" || as != 0) {
				t.Errorf("%q, %d, %v", country, as, ok)
			}
		})
	}
}
