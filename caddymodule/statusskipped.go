package caddymodule

import (
	"maps"
	"slices"

	"github.com/tocsin-project/tocsin/detect"
	"go.uber.org/zap"
)

// nameSkipped logs skipped scenarios. Most of CrowdSec's hub is for other logs: that
// needs no warning.
func (w *watch) nameSkipped(rules *detect.Rules) {
	for _, s := range rules.Skipped() {
		level := zap.WarnLevel
		if s.Foreign {
			level = zap.InfoLevel
		}
		w.logger.Log(level, "a scenario is skipped", zap.String("scenario", s.Name), zap.String("file", s.File), zap.String("reason", s.Reason))
	}
}

// withoutMissing returns the policies without those whose scenario was skipped, or has
// gone with an upgrade of the hub: neither may prevent the start of the server.
func withoutMissing(rules *detect.Rules, policies map[string]detect.Policy, log *zap.Logger) map[string]detect.Policy {
	names, skipped := rules.Names(), rules.Skipped()
	left := maps.Clone(policies)
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		wasSkipped := slices.ContainsFunc(skipped, func(s detect.Skipped) bool { return s.Name == name })
		if !slices.Contains(names, name) && (wasSkipped || rules.Hub()) {
			log.Warn("a policy has no effect: its scenario does not exist, or is skipped", zap.String("scenario", name))
			delete(left, name)
		}
	}
	return left
}

// skippedOf returns the skipped scenarios, and how many at the end are for other logs.
func skippedOf(rules *detect.Rules) (all []string, foreign int) {
	for _, of := range []bool{false, true} {
		for _, s := range rules.Skipped() {
			if s.Foreign == of {
				all = append(all, s.String())
			}
			if s.Foreign && of {
				foreign++
			}
		}
	}
	return all, foreign
}
