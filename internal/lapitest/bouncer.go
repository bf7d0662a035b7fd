package lapitest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// CustomBouncer returns the path of CrowdSec's bouncer for scripts, which is looked for as
// [Real] looks for the server. Without it the test is skipped.
func CustomBouncer(tb testing.TB) string {
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
