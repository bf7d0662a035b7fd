package metrics

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/middleware"
	"github.com/tocsin-project/tocsin/waf"
)

// Every counter of a package is shown somewhere.
func TestEveryCountIsShown(t *testing.T) {
	for _, row := range []struct {
		name   string
		stats  any // a pointer to a struct
		show   func(v values, stats any)
		hidden []string // fields that are shown otherwise, or are parts of others
	}{
		{
			"middleware.Counts", new(middleware.Counts), func(v values, s any) { v.requests("", *s.(*middleware.Counts)) },
			[]string{"Processed", "DryRun", "Passed", "Solved"},
		}, // a sum, and what ByOrigin splits up
		{"challenge.Counts", new(challenge.Counts), func(v values, s any) { v.challenges(*s.(*challenge.Counts)) }, nil},
		{"detect.Stats", new(detect.Stats), func(v values, s any) { v.detector(*s.(*detect.Stats)) }, nil},
		{"appsec.Stats", new(appsec.Stats), func(v values, s any) { v.appsec(s.(*appsec.Stats)) }, []string{"LatencySum"}}, // in the histogram
		{"waf.Stats", new(waf.Stats), func(v values, s any) { v.waf(s.(*waf.Stats)) }, nil},
		{"engine.AlertStats", new(engine.AlertStats), func(v values, s any) {
			v.alerts(&engine.Stats{Alerts: *s.(*engine.AlertStats)})
		}, []string{"Total"}}, // the sum of those of all scenarios
		{"engine.DetectStats", new(engine.DetectStats), func(v values, s any) {
			v.alerts(&engine.Stats{Detect: *s.(*engine.DetectStats)})
		}, nil},
		{"engine.ReporterStats", new(engine.ReporterStats), func(v values, s any) {
			v.alerts(&engine.Stats{Reporters: []engine.ReporterStats{*s.(*engine.ReporterStats)}})
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			all := reflect.ValueOf(row.stats).Elem()
			for i := range all.NumField() {
				name, field := all.Type().Field(i).Name, all.Field(i)
				if slices.Contains(row.hidden, name) || !setTo(field, 7777) {
					continue
				}
				v := values{}
				row.show(v, row.stats)
				if !slices.Contains(slices.Collect(maps.Values(v)), 7777) {
					t.Errorf("no metric shows %s", name)
				}
				field.SetZero()
			}
		})
	}
}

// setTo sets a field that is a number to n, and reports whether it is one.
func setTo(field reflect.Value, n int64) bool {
	switch {
	case field.CanInt():
		field.SetInt(n)
	case field.CanUint():
		field.SetUint(uint64(n))
	default:
		return false
	}
	return true
}
