package caddymodule

import (
	"context"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// An alertLog writes a line for each alert. As it is a reporter, the log is never
// waited for in front of a request.
type alertLog struct {
	logger *zap.Logger
	logIP  atomic.Uint32 // a [middleware.LogIP]: that of the newest config
}

// Name implements [engine.Reporter].
func (*alertLog) Name() string { return "log" }

// Report implements [engine.Reporter].
func (l *alertLog) Report(_ context.Context, alerts []detect.Alert) (taken, refused int, err error) {
	logIP := middleware.LogIP(l.logIP.Load())
	for i := range alerts {
		a := &alerts[i]
		l.logger.Info("abuse seen",
			zap.String("scenario", a.Scenario), logIP.Field("client", a.Client),
			zap.Int("requests", a.Count), zap.Time("since", a.Start), zap.Bool("remediation", a.Remediation))
	}
	return len(alerts), 0, nil
}

// Interface guards
var _ engine.Reporter = (*alertLog)(nil)
