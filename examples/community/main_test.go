package main

import (
	"context"
	"log"
	"strings"
	"testing"
	"time"
)

func TestTheStoryIsTrue(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out strings.Builder
	if err := run(ctx, log.New(&out, "", 0)); err != nil {
		t.Fatalf("%v, after\n%s", err, out.String())
	}
	for _, want := range []string{
		"attacks the shop: request 4 gets 403 Forbidden",
		"attacks the forum: request 4 gets 403 Forbidden",
		"Its first request there gets 403 Forbidden",
		"members in 2–3 networks saw",
		"The next request to the wiki gets 200 OK",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
