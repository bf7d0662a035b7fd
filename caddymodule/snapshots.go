package caddymodule

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/engine"
	"go.uber.org/zap"
)

const (
	snapshotOff  = "off"
	snapshotMark = 16            // how many characters of an engine's key are in its snapshot's name
	earlierFile  = "tocsin.snap" // the old name for all engines of a data folder

	// Limits for old snapshots: enough to go back to an earlier config, or to restart one
	// server after the other.
	maxSnapshots = 4
	maxUnused    = 30 * 24 * time.Hour
	maxHalf      = time.Hour // age at which an unfinished file is removed
)

// snapshotFiles are the snapshots of an engine.
type snapshotFiles struct {
	own    string   // the file that it writes; empty if there is none
	others []string // files to start from if its own is missing, the newest first
	folder string   // their folder; empty if the operator has named the file
}

// snapshots returns the files for the engine of s, which is resolved and has this key. In
// Caddy's data folder each engine has its own file. If it has none yet, because its config
// changed while the server was down, it starts with the newest of the other snapshots, and
// uses its decisions from the sources that stay.
func (s State) snapshots(key string) snapshotFiles {
	switch s.Snapshot {
	case snapshotOff:
		return snapshotFiles{}
	case "":
	default:
		return snapshotFiles{own: s.Snapshot}
	}
	folder := caddy.AppDataDir()
	own := filepath.Join(folder, "tocsin-"+key[:snapshotMark]+".snap")
	others := otherSnapshots(folder, own)
	return snapshotFiles{own, others[:min(len(others), maxSnapshots)], folder}
}

// otherSnapshots returns the snapshots in folder except own, the newest first.
func otherSnapshots(folder, own string) []string {
	all, _ := filepath.Glob(filepath.Join(folder, "tocsin-*.snap")) // the pattern is valid
	all = append(all, filepath.Join(folder, earlierFile))
	changed := map[string]time.Time{}
	for _, path := range all {
		if info, err := os.Stat(path); err == nil && path != own {
			changed[path] = info.ModTime()
		}
	}
	all = slices.DeleteFunc(all, func(path string) bool { return changed[path].IsZero() })
	slices.SortFunc(all, func(a, b string) int {
		return cmp.Or(changed[b].Compare(changed[a]), strings.Compare(a, b))
	})
	return all
}

// tidySnapshots removes the snapshots in folder that are probably not needed: they contain
// addresses, and every change of a config creates a new one. Those in use stay.
func tidySnapshots(folder, own string, log *zap.Logger) {
	for i, path := range otherSnapshots(folder, own) {
		if i < maxSnapshots && !isOld(path, maxUnused) {
			continue
		}
		if _, err := engine.RemoveSnapshot(path); err != nil {
			log.Warn("an old snapshot could not be removed", zap.Error(err))
		}
	}
	half, _ := filepath.Glob(filepath.Join(folder, "tocsin*.snap.*"))
	for _, path := range half {
		if filepath.Ext(path) != ".lock" && isOld(path, maxHalf) {
			_ = os.Remove(path) // on error, the next start tries again
		}
	}
}

func isOld(path string, age time.Duration) bool {
	info, err := os.Stat(path)
	return err == nil && time.Since(info.ModTime()) > age
}
