package caddymodule

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestWhoReadsTheLogAndIsToldTooIsNamed(t *testing.T) {
	local := State{LAPI: []LAPI{{URL: "http://127.0.0.1:8080"}}, Report: []string{"lapi"}}
	const caddys = "filenames:\n  - /var/log/ssh.log\nlabels:\n  type: syslog\n---\nfilenames:\n  - /var/log/caddy/*.log\nlabels:\n  type: caddy\n"
	for _, row := range []struct {
		name, text string
		state      State
		want       int
	}{
		{"it reads Caddy's log", caddys, local, 1},
		{"it reads others", "filename: /var/log/syslog\nlabels:\n  type: syslog\n", local, 0},
		{"it is not told", caddys, State{LAPI: local.LAPI}, 0},
		{"it is elsewhere", caddys, State{LAPI: []LAPI{{URL: "http://203.0.113.1:8080"}}, Report: local.Report}, 0},
		{"a socket", caddys, State{LAPI: []LAPI{{URL: "unix:///run/crowdsec.sock"}}, Report: local.Report}, 1},
		{"a file that is none", "[", local, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, "acquis.d"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "acquis.d", "web.yaml"), []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			core, logs := observer.New(zapcore.WarnLevel)
			row.state.warnDoubled(dir, zap.New(core))
			if logs.Len() != row.want {
				t.Errorf("%d warnings, want %d: %v", logs.Len(), row.want, logs.All())
			}
		})
	}
}
