package caddymodule

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A logSwitch lets an engine, which outlives many configs, log through the newest
// running config, because a config's log files are closed at its end.
type logSwitch struct {
	cur atomic.Pointer[logTarget] // the current target; nil: Caddy's own logger

	mu    sync.Mutex
	users []*logTarget // running configs, the newest last
}

type logTarget struct{ zapcore.Core }

// logger returns a logger that always uses the current target of s.
func (s *logSwitch) logger() *zap.Logger {
	return zap.New(switchedCore{to: s}).Named(appID)
}

// use makes l the target until release is called. Then the newest other target takes
// over, so that a config that fails to start does not take the log of the running one.
func (s *logSwitch) use(l *zap.Logger) (release func()) {
	t := &logTarget{l.Core()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, t)
	s.cur.Store(t)
	return func() { s.release(t) }
}

func (s *logSwitch) release(t *logTarget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = slices.DeleteFunc(s.users, func(u *logTarget) bool { return u == t })
	if len(s.users) == 0 {
		s.cur.Store(nil)
		return
	}
	s.cur.Store(s.users[len(s.users)-1])
}

func (s *logSwitch) core() zapcore.Core {
	if t := s.cur.Load(); t != nil {
		return t.Core
	}
	return caddy.Log().Core()
}

// A switchedCore is the core of such loggers. It keeps the fields of With itself,
// because they apply to every target.
type switchedCore struct {
	to     *logSwitch
	fields []zapcore.Field
}

func (c switchedCore) Enabled(l zapcore.Level) bool { return c.to.core().Enabled(l) }

func (c switchedCore) With(fields []zapcore.Field) zapcore.Core {
	return switchedCore{c.to, slices.Concat(c.fields, fields)}
}

// Check passes the entry to the current target, which decides by the logger's name and
// its sampling, and writes.
func (c switchedCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	core := c.to.core()
	if !core.Enabled(e.Level) {
		return ce
	}
	return core.With(c.fields).Check(e, ce)
}

func (c switchedCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	return c.to.core().With(c.fields).Write(e, fields)
}

func (c switchedCore) Sync() error { return c.to.core().Sync() }

// Interface guards
var _ zapcore.Core = switchedCore{}
