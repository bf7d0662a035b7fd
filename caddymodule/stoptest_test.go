package caddymodule

import "testing"

func TestWhatAnExpressionSaysAboutStoppedRequests(t *testing.T) {
	const s, a = statusPlaceholder, actionPlaceholder
	for _, row := range []struct {
		name, expr string
		want       stopTest
	}{
		{"nothing", "", stopTest{}},
		{"a ban", s + " == 403", stopTest{status: true}},
		{"a throttle, the other way round", "429 == " + s, stopTest{status: true}},
		{"both", s + " in [403, 429]", stopTest{status: true}},
		{"both, without spaces", s + "in[403,429]", stopTest{status: true}},
		{"both, one by one", s + " == 403 || (" + s + " == 429)", stopTest{status: true}},
		{"one on a condition", "(" + s + " == 403 && path('/a || b'))", stopTest{status: true}},
		{"one on conditions", "(" + s + " == 403) && (path('/a') || path('/b'))", stopTest{status: true}},
		{"another", s + " == 404", stopTest{}},
		{"one that begins alike", s + " == 4031", stopTest{}},
		{"one and another", s + " in [403, 404]", stopTest{}},
		{"one or another", s + " == 403 || " + s + " == 404", stopTest{}},
		{"an upstream that is down", s + " in [502, 503, 504]", stopTest{}},
		{"a class", s + " >= 400 && " + s + " <= 499", stopTest{}},
		{"a range", s + " >= 403", stopTest{}},
		{"all but one", s + " != 403", stopTest{}},
		{"not one", "!(" + s + " == 403)", stopTest{}},
		{"a choice", s + " == 403 && true ? false : true", stopTest{}},
		{"an alternative behind a string with a parenthesis", s + ` == 403 && path("(") || path("/x")`, stopTest{}},
		{"an alternative behind a quote in a string", s + ` == 403 && path("\"") || path("/x")`, stopTest{}},
		{"a string", `"` + s + ` == 403"`, stopTest{}},
		{"two in parentheses", "(" + s + " == 403) || (true)", stopTest{}},
		{"a decision", a + ` == "ban"`, stopTest{action: true}},
		{"a decision, the other way round", `"ban" == ` + a, stopTest{action: true}},
		{"a decision and a status", a + ` == "ban" && ` + s + " == 403", stopTest{action: true, status: true}},
		{"a decision or a status", a + ` == "ban" || ` + s + " == 403", stopTest{}},
		{"a decision or an upstream that is down", a + ` == "ban" || ` + s + " == 503", stopTest{}},
		{"files by the decision", "file({'try_files': ['/" + a + ".html', '{path}']})", stopTest{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := stopTestOfExpression(row.expr); got != row.want {
				t.Errorf("%s: got %+v, want %+v", row.expr, got, row.want)
			}
		})
	}
}
