package admin

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                  "0s",
		999 * time.Millisecond:        "0s",
		59 * time.Second:              "59s",
		time.Minute:                   "1m0s",
		2*time.Hour - time.Second:     "1h59m",
		49*time.Hour + 59*time.Minute: "2d1h",
		1000*24*time.Hour + time.Hour: "1000d1h",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestStatusAddsUpOrigins(t *testing.T) {
	a := Status{Servers: []Server{
		{Server: "srv0", Origins: map[string]uint64{"CAPI": 1, "lists:tor": 3, "cscli": 4}},
		{Server: "srv1", Origins: map[string]uint64{"CAPI": 5}},
	}}
	var b bytes.Buffer
	if err := a.write(&b); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "ORIGIN")
	if words := strings.Join(strings.Fields(got), " "); words != "STOPPED CAPI 6 cscli 4 lists:tor 3" {
		t.Errorf("%q", words)
	}
}

func TestTheStatusShowsTwentySkippedScenarios(t *testing.T) {
	a := &Detect{Foreign: 2, Skipped: slices.Repeat([]string{"a.yaml:1: x: newer"}, 25)}
	var b strings.Builder
	if err := writeTable(&b, a.write); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "newer\n"); n != 20 || !strings.Contains(b.String(), "\nand 3 more: see --json\n") {
		t.Errorf("%d rows:\n%s", n, b.String())
	}
}

func TestProgressIsForWhoLooks(t *testing.T) {
	var b bytes.Buffer
	if p := newProgress(&b, nil); p.w != nil {
		t.Error("shown to a buffer")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if p := newProgress(file, nil); p.w != nil {
		t.Error("shown to a file")
	}
	for _, row := range []struct {
		done, total int64
		want        string
	}{
		{1, 4, "\r[=======                       ]  25%\r" + strings.Repeat(" ", 37) + "\r"},
		{5, 4, "\r[==============================] 100%\r" + strings.Repeat(" ", 37) + "\r"},
		{7, 0, ""},
	} {
		b.Reset()
		p := &progress{w: &b, done: func() (int64, int64) { return row.done, row.total }}
		p.show()
		p.show() // too soon
		p.clear()
		if b.String() != row.want {
			t.Errorf("%d of %d: %q", row.done, row.total, b.String())
		}
	}
	p := &progress{w: io.Discard, next: time.Now().Add(time.Hour)}
	p.show()
	p.clear()
	if p.shown {
		t.Error("shown in the first moment")
	}
}

func TestColumnsAlign(t *testing.T) {
	var b bytes.Buffer
	err := writeTable(&b, func(t table) {
		t.row("NAME", "N", "END")
		t.row("東京", 1, "a")
		t.row("cafe\u0301", 22, "b")
		t.row()
		t.row("x", "y")
	})
	want := "NAME  N   END\n東京  1   a\ncafe\u0301  22  b\n\nx  y\n"
	if err != nil || b.String() != want {
		t.Errorf("%v\n%q\n%q", err, b.String(), want)
	}
}

func TestHeldRangesAreAProblem(t *testing.T) {
	for _, row := range []struct {
		source Source
		want   string
	}{
		{Source{}, ""},
		{Source{Error: "no route"}, "no route"},
		{Source{Held: 2}, "2 ranges are not enforced: see coverage"},
		{Source{Held: 2, Error: "no route"}, "no route; 2 ranges are not enforced: see coverage"},
	} {
		if got := row.source.problem(); got != row.want {
			t.Errorf("%+v: %q, want %q", row.source, got, row.want)
		}
	}
}

func TestWhatAModeratorDid(t *testing.T) {
	for _, row := range []struct {
		answer interface{ write(w io.Writer) error }
		want   string
	}{
		{&CommunityDone{Done: true}, "Done.\n"},
		{&CommunityDone{Done: true, Addresses: 1}, "Done: one address changed.\n"},
		{&CommunityDone{Done: true, Addresses: 7}, "Done: 7 addresses changed.\n"},
		{&communityRolledBack{CommunityDone{Done: true, Addresses: 7}}, "Done: 7 addresses changed.\nThe list gets no additions until tocsin community freeze off.\n"},
		{&CommunityKey{Login: "m-1\x1b[2J", Key: "secret"}, "secret\n\nThe old key of m-1[2J, or its password, ends now. Send the new one by a way that others cannot read.\n"},
	} {
		var b strings.Builder
		if err := row.answer.write(&b); err != nil || b.String() != row.want {
			t.Errorf("%q, %v; want %q", b.String(), err, row.want)
		}
	}
}

func TestTheTimeOfAMember(t *testing.T) {
	for ago, want := range map[time.Duration]string{
		0: "within an hour", 59 * time.Minute: "within an hour", 61 * time.Minute: "1h1m ago",
	} {
		at := time.Now().Add(-ago - time.Second)
		var b strings.Builder
		if err := (&CommunityMembers{Members: []CommunityMember{{Login: "m-1", Seen: &at}}}).write(&b); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%q, %v; want %q", b.String(), err, want)
		}
	}
}
