package caddymodule

import (
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestLogFollowsTheNewestConfigThatRuns(t *testing.T) {
	var s logSwitch
	log := s.logger().Named("lapi").With(zap.String("source", "a")) // made once, used throughout
	old, oldLines := observer.New(zapcore.InfoLevel)
	next, nextLines := observer.New(zapcore.DebugLevel)

	releaseOld := s.use(zap.New(old))
	log.Info("one")
	log.Debug("below the level of the old config")
	releaseNext := s.use(zap.New(next))
	log.Debug("two")
	releaseOld() // as on a reload
	log.Info("three")
	releaseOld = s.use(zap.New(old))
	log.Info("four")
	releaseOld() // as when a config fails to start
	log.Info("five")
	releaseNext()
	log.Debug("goes to Caddy's own logger")

	check := func(name string, lines *observer.ObservedLogs, want ...string) {
		var got []string
		for _, l := range lines.All() {
			got = append(got, l.Message)
			if l.LoggerName != "tocsin.lapi" || l.ContextMap()["source"] != "a" {
				t.Errorf("%q: logger %q, fields %v", l.Message, l.LoggerName, l.ContextMap())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s config logged %q, want %q", name, got, want)
		}
	}
	check("old", oldLines, "one", "four")
	check("next", nextLines, "two", "three", "five")
}

// configs returns how many configs s has the log of.
func (s *logSwitch) configs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.users)
}
