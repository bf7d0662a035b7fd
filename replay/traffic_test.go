package replay

import (
	"os"
	"path/filepath"
	"testing"
)

// recordings returns files of a folder of recordings that an environment variable
// names. They are no part of this repository; testdata/recording.log is one of
// the same form that is.
func recordings(t *testing.T, variable string, patterns ...string) []string {
	t.Helper()
	folder := os.Getenv(variable)
	if folder == "" {
		t.Skip(variable + " names no folder")
	}
	var all []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(folder, p))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: no %s: %v", folder, p, err)
		}
		all = append(all, found...)
	}
	return all
}

// whole reads a recording, of which every line has to be a request.
func whole(t *testing.T, file string) *Report {
	t.Helper()
	r, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rep, err := Run(t.Context(), r, Config{Judge: builtin(t)})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Skipped.Lines > 0 || len(rep.Skipped.Broken) > 0 || rep.Requests == 0 {
		t.Errorf("%s: %d requests, skipped %+v", file, rep.Requests, rep.Skipped)
	}
	return rep
}

func TestRecordingsAreReadWhole(t *testing.T) {
	if rep := whole(t, "testdata/recording.log"); rep.Requests != 5 || rep.Bodies != 2 {
		t.Errorf("%+v", rep)
	}
	for variable, patterns := range map[string][]string{
		"TOCSIN_HONEST_TRAFFIC": {"*/trace.jsonl", "programs.jsonl"},
		"TOCSIN_ATTACK_TRAFFIC": {"*.jsonl"},
	} {
		t.Run(variable, func(t *testing.T) {
			stopped := 0
			for _, file := range recordings(t, variable, patterns...) {
				stopped += len(whole(t, file).Offenders)
			}
			t.Logf("%d clients would have been stopped by what is built in", stopped)
		})
	}
}
