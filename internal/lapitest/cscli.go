package lapitest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// CscliAt returns CrowdSec's command line tool with an account at another Local API. Without
// CrowdSec the test is skipped, as by [Real].
func CscliAt(tb testing.TB, api Central) (cscli func(args ...string) (string, error)) {
	tb.Helper()
	pkg, err := findCrowdsec()
	if errors.Is(err, errNoCrowdsec) {
		tb.Skip("no CrowdSec here: internal/lapitest/fetch.sh gets Debian's without installing it")
	}
	dir := tb.TempDir()
	if err == nil {
		err = writeConfig(dir, "127.0.0.1:1", TLSFiles{}, Central{}) // its own server does not run
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, credentialsFile), []byte(api.credentials()), 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return func(args ...string) (string, error) { return pkg.runCscli(dir, args...) }
}

// runCscli runs the command line tool with the config in a folder.
func (p crowdsecPackage) runCscli(dir string, args ...string) (string, error) {
	// Not the context of a test: a cleanup may still call this.
	ctx, cancel := context.WithTimeout(context.Background(), cscliTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.cscli, append([]string{"-c", filepath.Join(dir, configFile)}, args...)...) //nolint:gosec // the program that the tests are about
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}
