package waf

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/tocsin-project/tocsin/internal/hubindex"
)

// LoadConfig says what to load. Only Paths or Sets is needed.
type LoadConfig struct {
	// Sets are rules in file systems, such as those that package builtin embeds. They are
	// asked before those of Paths, and bodies are read by their Content-Type for all.
	Sets []Set
	// ReadBodies has bodies read by their Content-Type as crowdsecurity/base-config has it,
	// even if that is not among the rules. Default: only if it is.
	ReadBodies bool
	// Paths are files, folders and globs of rules, which run in-band, and of
	// appsec-configs, which name rules. Those that CrowdSec has no confidence in run in-band
	// only if a path is that of their file. Of a folder all files named .yaml and .yml are
	// read, those in folders below and behind links, too, but none that begin with a dot.
	Paths []string
	// OutOfBand are files, folders and globs of rules that stop nothing.
	OutOfBand []string
	// Rules is the folder of the rules that appsec-configs name. Default: appsec-rules
	// beside the folder that the config is in, or beside one above it.
	Rules string
	// Data is the folder of the lists that rules name. Default: CrowdSec's.
	Data string
}

// A Set is rules in a file system: all files named .yaml and .yml, but those that begin
// with a dot. They run in-band, unless their confidence is [Observe].
type Set struct {
	Name  string // of the set in messages, before those of its files
	Files fs.FS
	// Detector finds what the language has no words for; nil: there is none.
	Detector Detector
}

const (
	defaultData = "/var/lib/crowdsec/data"
	maxFile     = 1 << 20 // bytes
)

// Load reads rules. A path that is not there is an error, and so is an appsec-config that
// asks for what is not there or cannot be done here. A rule file that is newer than this
// version, or broken, is skipped, and named: see [Rules.Skipped].
func Load(cfg LoadConfig) (*Rules, error) {
	l := &loader{cfg: cfg, byName: map[string]int{}, print: sha256.New(), indexes: hubindex.Indexes{}}
	for _, s := range cfg.Sets {
		if err := l.set(s); err != nil {
			return nil, err
		}
	}
	for _, p := range cfg.Paths {
		if err := l.path(p, false); err != nil {
			return nil, err
		}
	}
	for _, p := range cfg.OutOfBand {
		if err := l.path(p, true); err != nil {
			return nil, err
		}
	}
	return l.finish()
}

// A loader gathers files.
type loader struct {
	cfg     LoadConfig
	files   []ruleFile
	byName  map[string]int // band and name of what is in files
	print   hash.Hash      // of all that was read
	unnamed bool           // the file was found in a folder, or by a glob
	skipped []Skipped
	policy  Policy // of the last appsec-config
	hooked  Policy // what hooks of all have set
	indexes hubindex.Indexes
	removed []removal
	own     []Rule // remediations of rules by name
}

// A ruleFile is a file of rules that is to run.
type ruleFile struct {
	doc       *ruleDoc
	path      string
	outOfBand bool
	isSkipped bool // it cannot run, but is there
	unnamed   bool // nobody has asked for this very file

	hash, version string // in CrowdSec's hub
}

// file reads a file of rules, or an appsec-config.
func (l *loader) file(name string, outOfBand bool) error {
	content, err := l.read(name)
	if err != nil {
		return err
	}
	if hasKey(content, configKeys...) {
		return l.config(name, content)
	}
	f := ruleFile{path: name, outOfBand: outOfBand}
	f.hash, f.version = l.origin(name, content)
	l.rules(f, content)
	return nil
}

// origin returns the hash and the version of a file as CrowdSec reports them.
func (l *loader) origin(name string, content []byte) (hash, version string) {
	real, err := filepath.Abs(name)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return "", "" // it was there when it was read
	}
	sum := sha256.Sum256(content)
	return l.indexes.Of(real).Origin(real, hex.EncodeToString(sum[:]))
}

// rules has the rules of a file run, or says why they do not.
func (l *loader) rules(f ruleFile, content []byte) {
	doc, err := parseRules(content)
	if err != nil {
		l.skip(f.path, doc.Name, err)
		return
	}
	f.doc, f.unnamed = doc, l.unnamed
	l.add(f)
}

// parseRules reads the first document of a file of rules.
func parseRules(content []byte) (*ruleDoc, error) {
	doc := &ruleDoc{}
	if err := decode(content, doc); err != nil {
		return doc, err
	}
	switch {
	case doc.Name == "":
		return doc, errors.New("it has no name")
	case len(doc.SecLangFiles) > 0 || len(doc.SecLang) > 0 && !doc.isBaseConfig():
		return doc, errSecLang
	}
	return doc, nil
}

// errSecLang is what becomes of the Core Rule Set and other rules in the language of
// ModSecurity.
var errSecLang = errors.New("it is written in SecLang, which only CrowdSec's own engine runs: use appsec for it")

// add has a file run. Of two of one name in one band the last counts.
func (l *loader) add(f ruleFile) {
	key := fmt.Sprint(f.outOfBand, " ", f.doc.Name)
	if i, twice := l.byName[key]; twice {
		if l.files[i].path != f.path {
			l.skipped = append(l.skipped, Skipped{File: l.files[i].path, Name: f.doc.Name, Reason: "there is one of that name in " + f.path})
		}
		l.files[i] = f
		return
	}
	l.byName[key] = len(l.files)
	l.files = append(l.files, f)
}

// skip says why a file does not run.
func (l *loader) skip(file, name string, err error) {
	s := Skipped{File: file, Name: name, Reason: err.Error(), Broken: !errors.Is(err, errNewer) && !errors.Is(err, errSecLang)}
	if line, ok := lineOf(err); ok {
		s.File = fmt.Sprintf("%s:%d", file, line)
	}
	l.skipped = append(l.skipped, s)
}

// finish compiles what was gathered.
func (l *loader) finish() (*Rules, error) {
	c := newCompiler(cmp.Or(l.cfg.Data, defaultData))
	c.note = l.note
	c.rules.base = l.cfg.ReadBodies || len(l.cfg.Sets) > 0
	for _, f := range l.files {
		if l.isRemoved(f) {
			continue
		}
		c.rules.base = c.rules.base || f.doc.isBaseConfig()
		if err := c.file(f); err != nil {
			l.skip(f.path, f.doc.Name, err)
		}
	}
	for i := range c.rules.rules {
		r := &c.rules.rules[i]
		if at := slices.IndexFunc(l.own, func(o Rule) bool { return o.Name == r.Name }); at >= 0 && !r.OutOfBand {
			r.Remediation = l.own[at].Remediation
		}
	}
	c.rules.skipped, c.rules.policy = l.skipped, l.policy.merged(l.hooked)
	c.rules.print = hex.EncodeToString(l.print.Sum(nil))
	for _, s := range l.cfg.Sets {
		if s.Detector != nil {
			c.rules.addDetector(s.Detector)
		}
	}
	return c.finish(), nil
}

// skipOnce is skip, unless that was said before.
func (l *loader) skipOnce(file, name string, err error) {
	n := len(l.skipped)
	l.skip(file, name, err)
	if slices.Contains(l.skipped[:n], l.skipped[n]) {
		l.skipped = l.skipped[:n]
	}
}

func (l *loader) isRemoved(f ruleFile) bool {
	return slices.Contains(l.removed, removal{f.doc.Name, f.outOfBand})
}
