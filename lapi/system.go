package lapi

import (
	"bufio"
	"io"
	"os"
	"runtime"
	"strings"
)

// systemFile says what a Linux system calls itself.
const (
	systemFile    = "/etc/os-release"
	maxSystemFile = 64 << 10
)

// An operatingSystem is one as CrowdSec shows it with bouncers and machines.
type operatingSystem struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// thisSystem returns what this program runs on, as far as anybody says.
func thisSystem() *operatingSystem {
	s := &operatingSystem{Name: runtime.GOOS}
	f, err := os.Open(systemFile)
	if err != nil {
		return s
	}
	defer func() { _ = f.Close() }() // it was only read
	s.read(io.LimitReader(f, maxSystemFile))
	return s
}

// read reads a file of the form of os-release(5).
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
