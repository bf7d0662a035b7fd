package centre

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/community"
)

// copyDatabases copies the databases of a site that does not run.
func (s *site) copyDatabases(from, to string) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(from, "c.*db*"))
	if err != nil || len(files) < 2 {
		s.t.Fatalf("databases %q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// stop ends the centre, as before a backup.
func (s *site) stop() {
	s.t.Helper()
	if err := caddy.Stop(); err != nil {
		s.t.Fatal(err)
	}
}

func TestL24TheRestoreOfABackupBringsNoListingBack(t *testing.T) {
	s, backup := newSite(t), t.TempDir()
	s.mustLoad("")
	var keys []string
	for n := 1; n <= 3; n++ {
		keys = append(keys, s.member(n))
		for _, address := range []string{"203.0.113.9", "203.0.113.10"} {
			s.report(n, keys[n-1], address)
		}
	}
	s.stop()
	s.copyDatabases(s.dir, backup)
	s.mustLoad("")
	unit := netip.MustParsePrefix("203.0.113.9/32")
	if _, _, err := s.centre().Appeal(t.Context(), community.AppealRequest{Unit: unit, Proven: true}); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.copyDatabases(backup, s.dir)
	s.mustLoad("")
	if got := s.listed(keys[0]); len(got) != 1 || got[0] != "203.0.113.10/32 captcha" {
		t.Errorf("listed: %q; want the other address only", got)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "secret.removals")); err != nil {
		t.Error(err)
	}
}

func TestAServerWithAnotherSecretDoesNotStart(t *testing.T) {
	s := newSite(t)
	s.mustLoad("")
	s.stop()
	if err := os.WriteFile(filepath.Join(s.dir, "secret"), []byte(strings.Repeat("x", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.load(""); err == nil || !strings.Contains(err.Error(), "the database belongs to another secret") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "secret.removals")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v; want no file before the first removal", err)
	}
}
