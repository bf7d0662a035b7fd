package lapi

import (
	"bufio"
	"io"
	"os"
	"runtime"
	"strings"
)

// systemFile has the name and version of a Linux system.
const (
	systemFile    = "/etc/os-release"
	maxSystemFile = 64 << 10
)

// An operatingSystem is the system that CrowdSec shows for bouncers and machines.
type operatingSystem struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// thisSystem returns the operating system of this host, or as much as is known.
func thisSystem() *operatingSystem {
	s := &operatingSystem{Name: runtime.GOOS}
	f, err := os.Open(systemFile)
	if err != nil {
		return s
	}
	defer func() { _ = f.Close() }() // only reads, so the error has no meaning
	s.read(io.LimitReader(f, maxSystemFile))
	return s
}

// read reads a file in the format of os-release(5).
func (s *operatingSystem) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		if value = clip(strings.Trim(value, `"'`), maxWord); value == "" {
			continue
		}
		switch key {
		case "ID":
			s.Name = value
		case "VERSION_ID":
			s.Version = value
		}
	}
}
