package follow

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	do(t, os.WriteFile(path, []byte(text), 0o600))
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	do(t, err)
	return info
}

func TestSame(t *testing.T) {
	stamp := time.Now().Add(-time.Hour)
	for _, row := range []struct {
		name   string
		change func(t *testing.T, path string)
		same   bool
	}{
		{"a file that nobody touched", func(*testing.T, string) {}, true},
		{"one that was read", func(t *testing.T, path string) { _, err := os.ReadFile(path); do(t, err) }, true},
		{"another size with the time stamp of old", func(t *testing.T, path string) { write(t, path, "more of it") }, false},
		{"another time stamp", func(t *testing.T, path string) { do(t, os.Chtimes(path, stamp, stamp.Add(-time.Nanosecond))) }, false},
		{"another mode", func(t *testing.T, path string) { do(t, os.Chmod(path, 0o400)) }, false},
		{"another file of that name, size and time stamp", func(t *testing.T, path string) {
			do(t, os.Rename(path, path+".old")) // kept, so that its inode number is not reused
			write(t, path, "some")
		}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "list")
			write(t, path, "some")
			do(t, os.Chtimes(path, stamp, stamp))
			before := stat(t, path)
			row.change(t, path)
			if row.name != "another time stamp" {
				do(t, os.Chtimes(path, stamp, stamp))
			}
			if got := Same(before, stat(t, path)); got != row.same {
				t.Errorf("the same: %t; want %t", got, row.same)
			}
			if Same(nil, before) || Same(before, nil) || Same(nil, nil) {
				t.Error("nothing is the same as something, or as nothing")
			}
		})
	}
}

// looks returns n states of a file that changes each time.
func looks(t *testing.T, n int) []fs.FileInfo {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list")
	var all []fs.FileInfo
	text := ""
	for range n {
		text += "#"
		write(t, path, text)
		all = append(all, stat(t, path))
	}
	return all
}

func TestAFileMovesUntilTwoLooksAreAlike(t *testing.T) {
	at := looks(t, 2)
	for _, row := range []struct {
		name  string
		still Still
		looks []fs.FileInfo
		moves []bool
	}{
		{"a file never seen before", Still{}, []fs.FileInfo{at[0], at[0]}, []bool{true, false}},
		{"one seen before", Still{Seen: at[0]}, []fs.FileInfo{at[0], at[0]}, []bool{false, false}},
		{"one that changed since", Still{Seen: at[0]}, []fs.FileInfo{at[1], at[1]}, []bool{true, false}},
		{"one that changed twice", Still{}, []fs.FileInfo{at[0], at[1], at[1]}, []bool{true, true, false}},
		{"one that changed while it was read", Still{Seen: at[0]}, []fs.FileInfo{nil, at[0], at[0]}, []bool{true, true, false}},
		{"one that changed at each read", Still{Seen: at[0]}, []fs.FileInfo{nil, nil}, []bool{true, true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for i, info := range row.looks {
				if got := row.still.Moves(info); got != row.moves[i] {
					t.Errorf("look %d: it moves: %t; want %t", i, got, row.moves[i])
				}
			}
		})
	}
}

func TestAFileThatNeverKeepsStillIsReadAllTheSame(t *testing.T) {
	at := looks(t, 2)
	for _, row := range []struct {
		name  string
		looks []fs.FileInfo // in turn, repeatedly
	}{
		{"because it changes", at},
		{"because it changes while it is read", []fs.FileInfo{nil}},
		{"because it changes between looks and while it is read", []fs.FileInfo{at[0], nil, at[1], nil}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s Still
				n := 0
				moves := func() bool { n++; return n < 1000 && s.Moves(row.looks[n%len(row.looks)]) }
				for range 2 {
					start := time.Now()
					for moves() {
						<-time.After(Quiet)
					}
					if d := time.Since(start); d != MaxMoving {
						t.Errorf("read after %v; want %v", d, MaxMoving)
					}
					s.Rest() // after which the time starts again
				}
			})
		})
	}
}

func TestExplainNamesTheFileOnce(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want string
	}{
		{"an error that names it", &fs.PathError{Op: "open", Path: "/etc/list", Err: fs.ErrNotExist}, "reading blocklist /etc/list: file does not exist"},
		{"one that does not", errors.New("too large"), "reading blocklist /etc/list: too large"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := Explain("blocklist", "/etc/list", row.err)
			if err.Error() != row.want {
				t.Errorf("%q; want %q", err, row.want)
			}
			if _, named := errors.AsType[*fs.PathError](row.err); named && !errors.Is(err, fs.ErrNotExist) {
				t.Error("the cause is lost")
			}
		})
	}
}
