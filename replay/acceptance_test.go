package replay

import (
	"bufio"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
)

// flows splits a file of recordings into one for each class, or else id, in the order
// of their first requests.
func flows(t *testing.T, file string) (names []string, files map[string]string) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	text := map[string][]byte{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var of struct{ Class, ID string }
		if err := json.Unmarshal(lines.Bytes(), &of); err != nil {
			t.Fatal(err)
		}
		name := cmp.Or(of.Class, of.ID)
		if text[name] == nil {
			names = append(names, name)
		}
		text[name] = append(append(text[name], lines.Bytes()...), '\n')
	}
	files = map[string]string{}
	dir := t.TempDir()
	for i, name := range names {
		files[name] = filepath.Join(dir, string(rune('a'+i/26))+string(rune('a'+i%26))+".jsonl")
		if err := os.WriteFile(files[name], text[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return names, files
}

// firstStop returns the number of the first request that leads to something or meets
// it, and how strong that is; 0 if none does.
func firstStop(t *testing.T, file string) (request int, strongest lookup.Action) {
	t.Helper()
	r, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	judge, n := builtin(t), 0
	for e := range r.All() {
		n++
		o := judge.Judge(&e.Event)
		stopped := o.Stopped.Action
		for _, a := range o.Alerts {
			stopped = max(stopped, a.Decision.Action)
		}
		if stopped > lookup.None && request == 0 {
			request = n
		}
		strongest = max(strongest, stopped)
	}
	return request, strongest
}

// The built-in scenarios ban no honest client, and challenge at most two.
func TestHonestTrafficIsSpared(t *testing.T) {
	files := recordings(t, "TOCSIN_HONEST_TRAFFIC", "*/trace.jsonl")
	_, programs := flows(t, recordings(t, "TOCSIN_HONEST_TRAFFIC", "programs.jsonl")[0])
	for _, f := range programs {
		files = append(files, f)
	}
	slices.Sort(files)
	var challenged []string
	for _, f := range files {
		switch request, action := firstStop(t, f); {
		case action == lookup.Ban:
			t.Errorf("%s: banned", f)
		case action != lookup.None:
			challenged = append(challenged, f)
			t.Logf("%s: %v at request %d", f, action, request)
		}
	}
	if len(challenged) > 2 {
		t.Errorf("%d of %d are challenged: %q", len(challenged), len(files), challenged)
	}
}

// Wrong passwords are answered by a challenge or a ban, whatever the application.
func TestWrongPasswordsAreStopped(t *testing.T) {
	names, files := flows(t, recordings(t, "TOCSIN_ATTACK_TRAFFIC", "logins.jsonl")[0])
	var missed []string
	for _, name := range names {
		if request, _ := firstStop(t, files[name]); request == 0 || request > 10 {
			missed = append(missed, name)
		}
	}
	if len(missed) > len(names)/10 {
		t.Errorf("not stopped by the tenth wrong password: %q of %d", missed, len(names))
	}
}

// Attacks that are slow, or come from many addresses, are answered within 30 failures.
func TestSlowAttacksAreStopped(t *testing.T) {
	names, files := flows(t, recordings(t, "TOCSIN_ATTACK_TRAFFIC", "slow.jsonl")[0])
	for _, name := range names {
		if request, _ := firstStop(t, files[name]); request == 0 || request > 30 {
			t.Errorf("%s: first stopped at request %d", name, request)
		}
	}
}

// searches splits the file of attacks that no change of thresholds may miss into one for
// each.
func searches(t *testing.T) (names []string, files map[string]string) {
	t.Helper()
	text, err := os.ReadFile(recordings(t, "TOCSIN_HONEST_TRAFFIC", "_must-still-alert/attacks.json")[0])
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Name  string
		Steps []json.RawMessage
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	dir, files := t.TempDir(), map[string]string{}
	for _, a := range all {
		names, files[a.Name] = append(names, a.Name), filepath.Join(dir, a.Name+".jsonl")
		var lines []byte
		for _, s := range a.Steps {
			lines = append(append(lines, s...), '\n')
		}
		if err := os.WriteFile(files[a.Name], lines, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return names, files
}

// The exceptions that honest traffic needs do not hide a search.
func TestSearchesAreStillSeen(t *testing.T) {
	names, files := searches(t)
	if len(names) == 0 {
		t.Fatal("no attacks")
	}
	for _, name := range names {
		if request, _ := firstStop(t, files[name]); request == 0 {
			t.Errorf("%s: not seen", name)
		}
	}
}

// Of these attacks, detection must find those that guess or search. The others are for a
// WAF, because one request is enough for them.
func TestGuessingAndSearchingOfTodayIsStopped(t *testing.T) {
	names, files := flows(t, recordings(t, "TOCSIN_ATTACK_TRAFFIC", "exploits-2025.jsonl")[0])
	guesses := regexp.MustCompile(`(?i)guessing|brute force|login|secrets`)
	asked := 0
	for _, name := range names {
		if !guesses.MatchString(name) {
			continue
		}
		asked++
		request, action := firstStop(t, files[name])
		t.Logf("%s: %v at request %d", name, action, request)
		if request == 0 {
			t.Errorf("%s: not seen", name)
		}
	}
	if asked == 0 {
		t.Error("no attack that guesses or searches")
	}
}
