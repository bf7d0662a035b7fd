package files_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tocsin-project/tocsin/internal/files"
)

func TestRead(t *testing.T) {
	folder := fstest.MapFS{"ten": {Data: []byte("0123456789")}, "folder/one": {Data: []byte("1")}}
	for _, row := range []struct {
		name, file string
		most       int64
		want, says string
	}{
		{"a file", "ten", 10, "0123456789", ""},
		{"a file that is a byte too long", "ten", 9, "", "10 bytes: want at most 9"},
		{"a folder", "folder", 10, "", "not a regular file"},
		{"a missing file", "eleven", 10, "", "file does not exist"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := files.Read(folder, row.file, row.most)
			if string(got) != row.want || (err == nil) != (row.says == "") || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("%q, %v; want %q, %q", got, err, row.want, row.says)
			}
		})
	}
}

func TestReplace(t *testing.T) {
	for _, row := range []struct {
		name  string
		fails error
		want  string
	}{
		{"a new content", nil, "new"},
		{"a write that fails after some bytes", errors.New("no more"), "old"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			err := files.Replace(path, func(w io.Writer) error {
				_, err := io.WriteString(w, "new")
				return errors.Join(err, row.fails)
			})
			if !errors.Is(err, row.fails) {
				t.Errorf("error %v, want %v", err, row.fails)
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != row.want {
				t.Errorf("%q, %v; want %q", got, err, row.want)
			}
			all, err := os.ReadDir(filepath.Dir(path))
			if err != nil || len(all) != 1 {
				t.Errorf("files left: %v, %v", all, err)
			}
			if info, err := os.Stat(path); row.fails == nil && (err != nil || info.Mode() != 0o600) {
				t.Errorf("mode %v, %v; want only the owner", info.Mode(), err)
			}
		})
	}
	if err := files.Replace(filepath.Join(t.TempDir(), "missing", "file"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}
