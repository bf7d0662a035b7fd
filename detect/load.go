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
	"github.com/tocsin-project/tocsin/lookup"
)

// LoadConfig says what to load. Only Paths is needed.
type LoadConfig struct {
	// Paths are files and folders of scenarios, and of parsers that hold
	// whitelists. Of a folder all files named .yaml and .yml are read, those in
	// folders below and behind links, too, but none that begin with a dot. Where
	// CrowdSec's simulation.yaml stands beside the folder, the scenarios that it
	// simulates are told of alone.
	Paths []string
	// Data is the folder of the lists that scenarios ask. Default: CrowdSec's,
	// which is [DefaultData], and where a list is not there, next to the file
	// that asks for it.
	Data string
}

// Rules are scenarios and whitelists, ready to be used by a [Detector]. They do
// not change.
type Rules struct {
	scenarios  []*scenario
	whitelists []*whitelist
	lists      *lists
	skipped    []Skipped
	hub        bool // see Rules.Hub
}

// A Skipped is a scenario or a whitelist that cannot run here.
type Skipped struct {
	Name   string // empty: it is not known
	File   string // and the line, such as a.yaml:12
	Reason string

	// Foreign says that nothing is missed: it is about logs of others than of HTTP
	// requests.
	Foreign bool
}

// String returns all of it in a line.
func (s Skipped) String() string {
	if s.Name == "" {
		return s.File + ": " + s.Reason
	}
	return s.File + ": " + s.Name + ": " + s.Reason
}

// Skipped returns what was found, but cannot run here, and why: it is newer than
// this version, lacks a list or, in a file of CrowdSec's hub, is broken.
func (r *Rules) Skipped() []Skipped { return slices.Clone(r.skipped) }

// Hub reports whether files of CrowdSec's hub are among what was read, or links
// to files that are gone: what is there may change with each upgrade of the hub.
func (r *Rules) Hub() bool { return r.hub }

// Names returns the names of the scenarios, in the order in which they are asked.
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
	Late              bool   // it has to wait for the response
	Remediation       bool   // it asks for a decision
	Labels            map[string]string
	Simulated         bool // CrowdSec's simulation.yaml names it: it asks for none

	Trigger   bool          // its first event is one too many; else the bucket leaks
	Capacity  int           // events that are not; 0 of a trigger
	Leak      time.Duration // in which one of them is forgotten; 0 of a trigger
	Blackhole time.Duration // for which an alert about the same client is the last
	GroupBy   string        // what has a bucket each, as it is written; empty: there is one for all
	Distinct  string        // what counts once, as it is written; empty: all counts
	Action    lookup.Action // what is asked for about the client, a [Policy] included; None: whatever is usual
	Duration  time.Duration // and for how long; 0: as is usual
	Ordered   bool          // a [Policy] says Action
	Guard     event.Guard   // what is asked for instead, if it is no decision
}

// Scenarios returns the scenarios, in the order in which they are asked.
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

// Load reads scenarios and whitelists. A path that is not there and what is broken
// are errors that name the file and, where there is one, the line. What cannot run
// here is skipped, and of the hub's files what is broken, too.
func Load(cfg LoadConfig) (*Rules, error) {
	l := newLoader()
	l.data, l.indexes, l.visited = cfg.Data, make(hubIndexes), make(map[string]bool)
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

// Parse reads scenarios and whitelists from content, which errors and
// [Rules.Skipped] call name. Their lists are in data; nil means that there are
// none. They are nobody's hub's, so they have no version and no hash.
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

// Merge returns the rules of all. Of scenarios with the same name, and of lists,
// the first counts; the others are skipped.
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

// A loader gathers rules.
type loader struct {
	rules   *Rules
	data    string
	indexes hubIndexes
	visited map[string]bool   // files and folders, by where links lead: one is read once
	seen    map[string]string // the files of the scenarios, by name

	simulation *simulation // for the path that is being read; nil: none
}

func newLoader() *loader {
	return &loader{rules: &Rules{lists: newLists()}, seen: make(map[string]string)}
}

// path reads a file or a folder, unless it was read before.
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

// file reads a file, which the operator calls p.
func (l *loader) file(p, real string) error {
	src := source{name: p, path: real, index: l.indexes.of(real)}
	content, err := readFile(os.DirFS(filepath.Dir(real)), filepath.Base(real))
	if err != nil {
		src.item, src.hub = src.index.item(real, "")
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

// add adds a scenario. Others of its name may be in the same file, as upstream has
// it, but not in another one: that would be the same scenario twice.
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

// finish returns the rules, without the scenarios that can never match, and says
// so: they are for another log.
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
