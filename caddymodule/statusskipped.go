package caddymodule

import (
	"maps"
	"slices"

	"github.com/tocsin-project/tocsin/detect"
	"go.uber.org/zap"
)

// nameSkipped names in the log what was left out. For other logs most of
// CrowdSec's hub is, which nobody has to be warned of.
func (w *watch) nameSkipped(rules *detect.Rules) {
	for _, s := range rules.Skipped() {
		level := zap.WarnLevel
		if s.Foreign {
			level = zap.InfoLevel
		}
		w.logger.Log(level, "scenario left out", zap.String("scenario", s.Name), zap.String("file", s.File), zap.String("reason", s.Reason))
	}
}

// withoutMissing returns the policies less those that no scenario has for which the
// operator is not to blame: it was left out, or is gone since an upgrade of the
// hub, and neither may keep the server from starting.
func withoutMissing(rules *detect.Rules, policies map[string]detect.Policy, log *zap.Logger) map[string]detect.Policy {
	names, skipped := rules.Names(), rules.Skipped()
	left := maps.Clone(policies)
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		wasSkipped := slices.ContainsFunc(skipped, func(s detect.Skipped) bool { return s.Name == name })
		if !slices.Contains(names, name) && (wasSkipped || rules.Hub()) {
			log.Warn("policy left out: there is no such scenario, or it cannot run", zap.String("scenario", name))
			delete(left, name)
		}
	}
	return left
}

// skippedOf returns what was left out, and how many of them at the end are
// for other logs.
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
