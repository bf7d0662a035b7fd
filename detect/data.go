package detect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tocsin-project/tocsin/internal/files"
)

// DefaultData is the folder in which CrowdSec keeps the lists for its scenarios.
const DefaultData = "/var/lib/crowdsec/data"

// maxFile is the largest size of a file that is read.
const maxFile = 32 << 20

// The types of lists.
const (
	listStrings = "string"
	listRegexps = "regexp"
	listMap     = "map"
)

// A listFile is an item under "data" in a scenario.
type listFile struct {
	Source   string `yaml:"source_url"`
	Name     string `yaml:"dest_file"`
	Type     string `yaml:"type"`
	Cache    *bool  `yaml:"cache"`    // CrowdSec's settings for caching results:
	Strategy string `yaml:"strategy"` // not needed here
	Size     *int   `yaml:"size"`
	TTL      string `yaml:"ttl"`
}

// lists holds the lists of all scenarios. A name means the same list in all of them.
type lists struct {
	strings map[string][]string
	regexps map[string]*regexpSet
	maps    map[string]*tagMap
}

func newLists() *lists {
	return &lists{make(map[string][]string), make(map[string]*regexpSet), make(map[string]*tagMap)}
}

// merge adds the lists of other whose names are new.
func (l *lists) merge(other *lists) {
	addNew(l.strings, other.strings)
	addNew(l.regexps, other.regexps)
	addNew(l.maps, other.maps)
}

func addNew[T any](to, from map[string]T) {
	for name, x := range from {
		if _, ok := to[name]; !ok {
			to[name] = x
		}
	}
}

// has reports whether the list is loaded.
func (l *lists) has(f listFile) (ok bool) {
	switch f.Type {
	case listStrings:
		_, ok = l.strings[f.Name]
	case listRegexps:
		_, ok = l.regexps[f.Name]
	case listMap:
		_, ok = l.maps[f.Name]
	}
	return ok
}

// helpers returns the helper functions that search lists.
func (l *lists) helpers() map[string]helper {
	return map[string]helper{
		"File": of(func(a ...any) any { return l.strings[a[0].(string)] }, new(func(string) []string)),
		"RegexpInFile": of(func(a ...any) any {
			set := l.regexps[a[1].(string)]
			return set != nil && set.match(a[0].(string))
		}, new(func(string, string) bool)),
		"LookupFile": of(func(a ...any) any { return l.maps[a[1].(string)].lookup(a[0].(string)) }, new(func(string, string) string)),
	}
}

// errMissing means that no folder has the list.
var errMissing = errors.New("missing")

// load reads a list from the first folder that has it.
func (l *lists) load(f listFile, folders []fs.FS) error {
	if f.Type == "regex" {
		f.Type = listRegexps
	}
	switch {
	case l.has(f), f.Type == "": // CrowdSec downloads a list without a type, but does not read it
		return nil
	case f.Type != listStrings && f.Type != listRegexps && f.Type != listMap:
		return unknownThing("the list %s is of the type %s", f.Name, f.Type)
	case !filepath.IsLocal(f.Name):
		return fmt.Errorf("list %q: want the name of a file in the data folder", f.Name)
	}
	for _, folder := range folders {
		content, err := files.Read(folder, f.Name, maxFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list %q: %w", f.Name, err)
		}
		return l.read(f, content)
	}
	return fmt.Errorf("list %q: %w", f.Name, errMissing)
}

func (l *lists) read(f listFile, content []byte) error {
	lines, err := listLines(content)
	if err != nil {
		return fmt.Errorf("list %q: %w", f.Name, err)
	}
	switch f.Type {
	case listStrings:
		texts := make([]string, len(lines))
		for i, line := range lines {
			texts[i] = line.text
		}
		l.strings[f.Name] = texts
	case listRegexps:
		l.regexps[f.Name], err = newRegexpSet(lines)
	case listMap:
		l.maps[f.Name], err = newTagMap(lines)
	}
	if err != nil {
		return fmt.Errorf("list %q: %w", f.Name, err)
	}
	return nil
}

// A listLine is a line of a list.
type listLine struct {
	number int
	text   string
}

// listLines returns the lines that are not empty and not comments.
func listLines(content []byte) ([]listLine, error) {
	var lines []listLine
	in := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; in.Scan(); n++ {
		if text := in.Text(); text != "" && !strings.HasPrefix(text, "#") {
			lines = append(lines, listLine{n, text})
		}
	}
	return lines, in.Err()
}

// folderFS returns the folders that exist.
func folderFS(paths ...string) []fs.FS {
	var folders []fs.FS
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			folders = append(folders, os.DirFS(p))
		}
	}
	return folders
}
