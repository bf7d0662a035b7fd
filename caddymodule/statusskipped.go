package caddymodule

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tocsin-project/tocsin/detect"
	"go.uber.org/zap"
)

// maxSkippedRows is how many of the scenarios that were left out the command
// status shows. CrowdSec's hub has hundreds.
const maxSkippedRows = 20

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

// skippedAnswers returns what was left out, and how many of them at the end are
// for other logs.
func skippedAnswers(rules *detect.Rules) (all []string, foreign int) {
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

// writeSkipped prints what was left out, but for what is for other logs.
func (a *detectAnswer) writeSkipped(t table) {
	rows := a.Skipped[:max(len(a.Skipped)-a.Foreign, 0)]
	if len(rows) == 0 {
		return
	}
	t.row()
	t.row("SKIPPED")
	for i, s := range rows {
		if i == maxSkippedRows {
			t.row(fmt.Sprintf("and %d more: see --json", len(rows)-i))
			return
		}
		t.row(s)
	}
}
