package lapitest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// CustomBouncer runs CrowdSec's bouncer for scripts until the end of the test. It polls the
// Local API at url each second. calls returns how often and with what it called its script: a
// line each, with add or del, the address and the scenario. Without the program, which is
// looked for as [Real] looks for the server, the test is skipped.
func CustomBouncer(tb testing.TB, url, key string) (calls func() string) {
	tb.Helper()
	program, dir := customBouncer(tb), tb.TempDir()
	said, script, config := filepath.Join(dir, "said"), filepath.Join(dir, "script.sh"), filepath.Join(dir, "bouncer.yaml")
	err := errors.Join(
		os.WriteFile(script, []byte("#!/bin/sh\necho \"$1 $2 $4\" >>"+said+"\n"), 0o700), //nolint:gosec // it has to be run
		os.WriteFile(config, fmt.Appendf(nil, customBouncerConfig, script, dir, url, key), 0o600),
	)
	if err != nil {
		tb.Fatal(err)
	}
	cmd, out := exec.Command(program, "-c", config), new(bytes.Buffer) //nolint:gosec // both are of this test; out is read after the end
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // by that signal
		if tb.Failed() {
			tb.Logf("the bouncer's log:\n%s", out)
		}
	})
	return func() string {
		text, _ := os.ReadFile(said) // there is none before the first call
		return string(text)
	}
}

const customBouncerConfig = `bin_path: %s
piddir: %s
update_frequency: 1s
cache_retention_duration: 1s
daemonize: false
log_mode: stdout
log_level: debug
api_url: %s/
api_key: %s
prometheus: {enabled: false}
`

func customBouncer(tb testing.TB) string {
	tb.Helper()
	const name = "crowdsec-custom-bouncer"
	folders := []string{os.Getenv(folderEnv)}
	if cache, err := os.UserCacheDir(); err == nil {
		folders = append(folders, filepath.Join(cache, "tocsin", "crowdsec"))
	}
	for _, folder := range folders {
		path := filepath.Join(folder, "usr", "bin", name)
		if _, err := os.Stat(path); err == nil && folder != "" { //nolint:gosec // the developer names the folder
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Skip("no crowdsec-custom-bouncer here: internal/lapitest/fetch.sh gets Debian's without installing it")
	}
	return path
}
