package lists

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

func TestNewFileChecksItsConfig(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  FileConfig
		want string
	}{
		{"no path", FileConfig{}, "no path"},
		{"an unknown action", FileConfig{Path: "x", Action: lookup.Ban + 1}, "unknown action"},
		{"a negative size", FileConfig{Path: "x", MaxBytes: -1}, "negative"},
		{"a negative number of lines", FileConfig{Path: "x", MaxLines: -1}, "negative"},
		{"a negative poll", FileConfig{Path: "x", Poll: -1}, "negative"},
		{"a negative settling time", FileConfig{Path: "x", Settle: -1}, "negative"},
		{"a negative duration", FileConfig{Path: "x", Duration: -1}, "want at least 1m0s"},
		{"a duration that ends between two looks", FileConfig{Path: "x", Duration: 119 * time.Second}, "want at least 2m0s, 4 times the poll"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := NewFile(row.cfg); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v; want %q", err, row.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, row := range []struct{ name, give, wantName, wantLabel string }{
		{"none: the base name of the file", "", "list:block.txt", "block.txt"},
		{"given", "mine", "mine", "mine"},
		{"given as it is by default", "list:mine", "list:mine", "mine"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, err := NewFile(FileConfig{Path: "a/block.txt", Name: row.give})
			if err != nil {
				t.Fatal(err)
			}
			if f.Name() != row.wantName || f.entry.Reason != row.wantLabel {
				t.Errorf("name %q, label %q; want %q, %q", f.Name(), f.entry.Reason, row.wantName, row.wantLabel)
			}
		})
	}
}

func TestAReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := stream{ctx: ctx, from: zeros{}, max: 1 << 40}
	b := make([]byte, 16)
	if _, err := io.ReadFull(&s, b); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := s.Read(b); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestRealChanges runs on real events: the poll is too far off to help, and
// the list too old to be read twice for safety.
func TestRealChanges(t *testing.T) {
	for _, row := range []struct {
		name   string
		lay    func(t *testing.T, dir string) // makes dir/list, with 192.0.2.1
		change func(t *testing.T, dir string) // makes it hold 192.0.2.22
	}{
		{
			"the file is written to",
			func(t *testing.T, dir string) { write(t, dir+"/list", "192.0.2.1\n") },
			func(t *testing.T, dir string) { write(t, dir+"/list", "192.0.2.22\n") },
		},
		{
			"another takes its place",
			func(t *testing.T, dir string) { write(t, dir+"/list", "192.0.2.1\n") },
			func(t *testing.T, dir string) {
				write(t, dir+"/list.tmp", "192.0.2.22\n")
				must(t, os.Rename(dir+"/list.tmp", dir+"/list"))
			},
		},
		{
			"a link above it is turned, as Kubernetes does",
			func(t *testing.T, dir string) {
				must(t, os.Mkdir(dir+"/..v1", 0o700))
				write(t, dir+"/..v1/list", "192.0.2.1\n")
				must(t, os.Symlink("..v1", dir+"/..data"))
				must(t, os.Symlink("..data/list", dir+"/list"))
			},
			func(t *testing.T, dir string) {
				must(t, os.Mkdir(dir+"/..v2", 0o700))
				write(t, dir+"/..v2/list", "192.0.2.22\n")
				must(t, os.Symlink("..v2", dir+"/..tmp"))
				must(t, os.Rename(dir+"/..tmp", dir+"/..data"))
				must(t, os.RemoveAll(dir+"/..v1"))
			},
		},
		{
			"it is removed, and comes back",
			func(t *testing.T, dir string) { write(t, dir+"/list", "192.0.2.1\n") },
			func(t *testing.T, dir string) {
				must(t, os.Remove(dir+"/list"))
				write(t, dir+"/list", "192.0.2.22\n")
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			row.lay(t, dir)
			old := time.Now().Add(-time.Hour)
			must(t, os.Chtimes(dir+"/list", old, old))
			table := runFile(t, FileConfig{Path: dir + "/list", Poll: time.Hour})
			awaitOnly(t, table, "192.0.2.1")
			row.change(t, dir)
			awaitOnly(t, table, "192.0.2.22")
		})
	}
}

func TestADirectoryThatIsReplacedIsWatchedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lists")
	must(t, os.Mkdir(dir, 0o700))
	write(t, dir+"/list", "192.0.2.1\n")
	table := runFile(t, FileConfig{Path: dir + "/list", Poll: 100 * time.Millisecond})
	awaitOnly(t, table, "192.0.2.1")
	must(t, os.RemoveAll(dir))
	must(t, os.Mkdir(dir, 0o700))
	write(t, dir+"/list", "192.0.2.22\n")
	awaitOnly(t, table, "192.0.2.22")
}

// runFile runs a File until the end of the test and returns its table.
func runFile(t *testing.T, cfg FileConfig) *lookup.Table {
	t.Helper()
	f, err := NewFile(cfg)
	must(t, err)
	table := new(lookup.Table)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, table) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	return table
}

// awaitOnly waits until table holds a decision against ip and no other.
func awaitOnly(t *testing.T, table *lookup.Table, ip string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		if _, ok := table.Lookup(netip.MustParseAddr(ip)); ok && table.Len() == 1 {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("no decision against %s after half a minute", ip)
		}
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// millionLines returns a list of a million lines: nine addresses in ten, the
// rest ranges, one line in ten IPv6.
func millionLines() string {
	r := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for n := 0; n < 1_000_000; {
		b := make([]byte, 4)
		if n%10 == 0 {
			b = make([]byte, 16)
		}
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if len(b) == 16 {
			b[0] = 0x20
		}
		ip, _ := netip.AddrFromSlice(b)
		line := ip.String()
		if n%10 == 5 {
			line = netip.PrefixFrom(ip, 24).Masked().String()
		}
		if e, err := lookup.ParsePrefix(line); err == nil && check(e, false) == nil {
			text.WriteString(line + "\n")
			n++
		}
	}
	return text.String()
}
