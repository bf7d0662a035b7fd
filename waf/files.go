package waf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// path reads a file, a folder, or all files that match a glob.
func (l *loader) path(p string, outOfBand bool) error {
	paths, isGlob := []string{p}, strings.ContainsAny(p, "*?[")
	if isGlob {
		found, err := filepath.Glob(p)
		if err != nil {
			return fmt.Errorf("reading rules: %s: %w", p, err)
		}
		if len(found) == 0 {
			return fmt.Errorf("reading rules: %s finds none", p)
		}
		paths = found
	}
	for _, p := range paths {
		names, err := filesOf(p)
		if err != nil {
			return err
		}
		l.unnamed = isGlob || len(names) != 1 || names[0] != p
		for _, name := range names {
			if err := l.file(name, outOfBand); err != nil {
				return err
			}
		}
	}
	return nil
}

// filesOf returns the file p, or the files in the folder p in the order of their names.
func filesOf(p string) ([]string, error) {
	info, err := os.Stat(p)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	if !info.IsDir() {
		return []string{p}, nil
	}
	entries, err := os.ReadDir(p)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	var all []string
	for _, entry := range entries {
		name := filepath.Join(p, entry.Name())
		info, err := os.Stat(name)
		switch {
		case strings.HasPrefix(entry.Name(), "."), errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("reading rules: %w", err)
		case !info.IsDir() && !isYAML(name):
			continue
		}
		below, err := filesOf(name)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

func isYAML(name string) bool { return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" }

// set reads all rules of a Set's file system.
func (l *loader) set(s Set) error {
	err := fs.WalkDir(s.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isYAML(name) || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		content, err := fs.ReadFile(s.Files, name)
		if err != nil {
			return err
		}
		l.note(name, content)
		l.rules(ruleFile{path: path.Join(s.Name, name)}, content)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading rules: %s: %w", s.Name, err)
	}
	return nil
}

// read reads a file and adds it to the fingerprint.
func (l *loader) read(name string) ([]byte, error) {
	content, err := readFile(name)
	if err == nil {
		l.note(name, content)
	}
	return content, err
}

// note adds the name and content of a file to the fingerprint of the rules.
func (l *loader) note(name string, content []byte) {
	fmt.Fprintf(l.print, "%q %d ", name, len(content))
	l.print.Write(content)
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("reading rules: %s: %d bytes: want at most %d", name, info.Size(), maxFile)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading rules: %w", err)
	}
	return content, nil
}
