package sources

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestWhoReadsTheLogAndIsToldTooIsNamed(t *testing.T) {
	told := []string{"lapi"}
	const caddys = "filenames:\n  - /var/log/ssh.log\nlabels:\n  type: syslog\n---\nfilenames:\n  - /var/log/caddy/*.log\nlabels:\n  type: caddy\n"
	for _, row := range []struct {
		name, text, url string
		report          []string
		want            int
	}{
		{"it reads Caddy's log", caddys, "http://127.0.0.1:8080", told, 1},
		{"it reads others", "filename: /var/log/syslog\nlabels:\n  type: syslog\n", "http://127.0.0.1:8080", told, 0},
		{"it is not told", caddys, "http://127.0.0.1:8080", nil, 0},
		{"it is elsewhere", caddys, "http://203.0.113.1:8080", told, 0},
		{"a socket", caddys, "unix:///run/crowdsec.sock", told, 1},
		{"an invalid file", "[", "http://127.0.0.1:8080", told, 0},
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
			a := api{&LAPI{Name: "lapi", URL: row.url}}
			a.warnDoubled(guest.Config{Report: row.report}, dir, zap.New(core).Warn)
			if logs.Len() != row.want {
				t.Errorf("%d warnings, want %d: %v", logs.Len(), row.want, logs.All())
			}
		})
	}
}
