package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/files"
	"github.com/tocsin-project/tocsin/internal/hubindex"
	"github.com/tocsin-project/tocsin/lookup"
)

// LoadConfig says what to load. Only Paths is required.
type LoadConfig struct {
	// Paths are files and folders of scenarios, and of parsers that contain whitelists. In a
	// folder, all files named .yaml and .yml are read, also those in subfolders and behind
	// links, except those whose name begins with a dot. If CrowdSec's simulation.yaml is
	// beside the folder, the scenarios that it simulates only raise alerts.
	Paths []string
	// Data is the folder of the lists that scenarios use. Default: CrowdSec's folder, which
	// is [DefaultData], and for a list that is not there, the folder of the file that uses
	// it.
	Data string
}

// Rules are scenarios and whitelists for a [Detector]. They do not change.
type Rules struct {
	scenarios  []*scenario
	whitelists []*whitelist
	lists      *lists
	skipped    []Skipped
	hub        bool // see Rules.Hub
}

// A Skipped is a scenario or a whitelist that cannot run here, with the reason.
type Skipped struct {
	Name   string // empty if not known
	File   string // and the line, such as a.yaml:12
	Reason string

	// Foreign says that the document is about other logs than those of HTTP requests, so it
	// is not needed here.
	Foreign bool
}

// String returns all fields in one line.
func (s Skipped) String() string {
	if s.Name == "" {
		return s.File + ": " + s.Reason
	}
	return s.File + ": " + s.Name + ": " + s.Reason
}

// Skipped returns the documents that cannot run here, and why: a document is newer than this
// version, its list is missing or, in a file of CrowdSec's hub, it is broken.
func (r *Rules) Skipped() []Skipped { return slices.Clone(r.skipped) }

// Hub reports whether the rules include files of CrowdSec's hub, or links to files that no
// longer exist. Such files may change with each upgrade of the hub.
func (r *Rules) Hub() bool { return r.hub }

// Names returns the names of the scenarios, in the order in which they run.
func (r *Rules) Names() []string {
	names := make([]string, len(r.scenarios))
	for i, s := range r.scenarios {
		names[i] = s.name
	}
	return names
}

// A Scenario describes a loaded scenario.
type Scenario struct {
	Name, Description string
	File              string // and the line, such as a.yaml:12
	Version, Hash     string // see [event.Alert]
	Late              bool   // it needs the response
	Remediation       bool   // it requests a decision
	Labels            map[string]string
	Simulated         bool // CrowdSec's simulation.yaml lists it, so it requests no decision

	Trigger   bool          // it overflows at its first event; if false, it is a leaky bucket
	Capacity  int           // how many events fit in the bucket; 0 for a trigger
	Leak      time.Duration // the time after which one event leaks out; 0 for a trigger
	Blackhole time.Duration // how long further alerts about the same client are suppressed
	GroupBy   string        // the expression that groups events into buckets; empty if there is one bucket for all
	Distinct  string        // the expression whose values count once each; empty if all events count
	Action    lookup.Action // the requested action, after a [Policy]; None for the default
	Duration  time.Duration // how long the action lasts; 0 for the default
	Ordered   bool          // Action comes from a [Policy]
	Guard     event.Guard   // the guard that it requests instead of a decision, if any
}

// Scenarios returns the scenarios, in the order in which they run.
func (r *Rules) Scenarios() []Scenario {
	late := lateScenarios(r.scenarios)
	all := make([]Scenario, len(r.scenarios))
	for i, s := range r.scenarios {
		all[i] = Scenario{
			Name: s.name, Description: s.description, File: s.file, Version: s.version, Hash: s.hash,
			Late: late[s], Remediation: s.remediation, Labels: maps.Clone(s.labels),
			Trigger: s.trigger, Capacity: s.capacity, Leak: s.leak, Blackhole: s.blackhole,
			GroupBy: s.groupby.text(), Distinct: s.distinct.text(), Action: s.action, Duration: s.duration, Simulated: s.simulated, Guard: s.guard, Ordered: s.ordered,
		}
	}
	return all
}

// Load reads scenarios and whitelists. A path that does not exist and a broken file are
// errors, which name the file and, if possible, the line. Documents that cannot run here are
// skipped, and so are broken ones in files of the hub.
func Load(cfg LoadConfig) (*Rules, error) {
	l := newLoader()
	l.data, l.indexes, l.visited = cfg.Data, make(hubindex.Indexes), make(map[string]bool)
	for _, p := range cfg.Paths {
		if err := l.simulate(p); err != nil {
			return nil, err
		}
		if err := l.path(p); err != nil {
			return nil, err
		}
	}
	return l.finish(), nil
}

// Parse reads scenarios and whitelists from content. name is used for it in errors and in
// [Rules.Skipped]. Their lists are in data; nil means that there are no lists. The result
// does not belong to a hub, so it has no version and no hash.
func Parse(name string, content []byte, data fs.FS) (*Rules, error) {
	l := newLoader()
	var folders []fs.FS
	if data != nil {
		folders = []fs.FS{data}
	}
	if err := l.read(source{name: name, folders: folders, where: "the data folder"}, content); err != nil {
		return nil, err
	}
	return l.finish(), nil
}

// Merge combines rules. If several scenarios or lists have the same name, the first one
// counts, and the others are skipped.
func Merge(all ...*Rules) *Rules {
	l := newLoader()
	for _, r := range all {
		if r == nil {
			continue
		}
		l.rules.lists.merge(r.lists)
		l.rules.whitelists = append(l.rules.whitelists, r.whitelists...)
		l.rules.skipped = append(l.rules.skipped, r.skipped...)
		l.rules.hub = l.rules.hub || r.hub
		for _, s := range r.scenarios {
			l.add(s)
		}
	}
	l.rules.scenarios = withoutCoarse(l.rules.scenarios)
	return l.rules
}

// A loader collects rules.
type loader struct {
	rules   *Rules
	data    string
	indexes hubindex.Indexes
	visited map[string]bool   // the files and folders read so far, by their path with links resolved, so that each is read once
	seen    map[string]string // the files of the scenarios, by name

	simulation *simulation // the simulation for the current path; nil if there is none
}

func newLoader() *loader {
	return &loader{rules: &Rules{lists: newLists()}, seen: make(map[string]string)}
}

// path reads a file or a folder, unless it was read already.
func (l *loader) path(p string) error {
	real, err := filepath.EvalSymlinks(p)
	if err != nil {
		return fmt.Errorf("reading scenarios: %w", err)
	}
	if real, err = filepath.Abs(real); err != nil {
		return fmt.Errorf("reading scenarios: %w", err)
	}
	if l.visited[real] {
		return nil
	}
	l.visited[real] = true
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return fmt.Errorf("reading scenarios: %w", err)
	case info.IsDir():
		return l.folder(p)
	}
	return l.file(p, real)
}

func (l *loader) folder(p string) error {
	entries, err := os.ReadDir(p)
	if err != nil {
		return fmt.Errorf("reading scenarios: %w", err)
	}
	for _, entry := range entries {
		name := filepath.Join(p, entry.Name())
		info, err := os.Stat(name)
		switch {
		case strings.HasPrefix(entry.Name(), "."):
			continue
		case errors.Is(err, fs.ErrNotExist):
			l.rules.hub = true
			l.skip(Skipped{File: name, Reason: "it links to a file that there is not"})
			continue
		case err != nil:
			return fmt.Errorf("reading scenarios: %w", err)
		case !info.IsDir() && filepath.Ext(name) != ".yaml" && filepath.Ext(name) != ".yml":
			continue
		}
		if err := l.path(name); err != nil {
			return err
		}
	}
	return nil
}

// file reads a file. The operator knows it as p.
func (l *loader) file(p, real string) error {
	src := source{name: p, path: real, index: l.indexes.Of(real)}
	content, err := files.Read(os.DirFS(filepath.Dir(real)), filepath.Base(real), maxFile)
	if err != nil {
		src.item, src.hub = src.index.Item(real, "")
		return l.refuse(src, Skipped{Name: src.item, File: p}, fmt.Errorf("reading %s: %w", p, err), err)
	}
	folders := []string{l.data}
	if l.data == "" {
		folders = slices.Compact([]string{DefaultData, filepath.Dir(p), filepath.Dir(real)})
	}
	src.folders, src.where = folderFS(folders...), strings.Join(folders, ", ")
	return l.read(src, content)
}

func (l *loader) skip(s Skipped) { l.rules.skipped = append(l.rules.skipped, s) }

// add adds a scenario. Several scenarios of one file may have the same name, as in CrowdSec.
// The same name in another file would be the same scenario twice.
func (l *loader) add(s *scenario) {
	file := s.file[:strings.LastIndexByte(s.file, ':')]
	first, twice := l.seen[s.name]
	if twice && (first != file || slices.ContainsFunc(l.rules.scenarios, func(other *scenario) bool { return other.print == s.print })) {
		l.skip(Skipped{Name: s.name, File: s.file, Reason: "there is one of that name in " + first})
		return
	}
	l.seen[s.name] = file
	l.rules.scenarios = append(l.rules.scenarios, s)
}

// finish returns the rules. It removes and reports the scenarios that can never match,
// because they are for another log.
func (l *loader) finish() *Rules {
	c := newCompiler(l.rules.lists)
	c.learn(l.rules.scenarios)
	l.rules.scenarios = slices.DeleteFunc(l.rules.scenarios, func(s *scenario) bool {
		foreign := c.filterOf(s) == never
		if foreign {
			l.skip(Skipped{Name: s.name, File: s.file, Reason: "it is for another log than that of HTTP requests", Foreign: true})
		}
		return foreign
	})
	return l.rules
}
