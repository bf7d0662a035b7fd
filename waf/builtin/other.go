package builtin

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// metadata are the addresses at which clouds tell a machine its secrets, as it may be
// written.
const metadata = `(?:169\.254\.169\.254|169\.254\.170\.2(?:3)?|100\.100\.100\.200|192\.0\.0\.192|metadata\.google\.internal|metadata\.goog\b|metadata\.tencentyun\.com|instance-data(?:\.ec2\.internal)?\b|\[?fd00:ec2::254\]?|\[?fd20:ce::254\]?|2852039166|0xa9fea9fe|0xa9\.0xfe\.0xa9\.0xfe|0*251\.0*376\.0*251\.0*376|0251376251376|025177524776|169\.254\.43518|169\.16689662|\[?(?:[0:]*):(?:ffff:)?(?:a9fe:a9fe|169\.254\.169\.254)\]?|169[.-]254[.-]169[.-]254\.(?:nip|sslip|xip)\.io)`

// checkCall is a call that checks a secret.
const checkCall = `(?:log_?in|sign_?in|auth\w*|create_?token|verify\w*|reset_?password|redeem\w*|apply_?coupon|otp)\w* ?\(`

// inBase64 returns a pattern of what base64 makes of names, wherever they stand in a text, in
// lower case.
func inBase64(names ...string) string {
	var all []string
	for _, name := range names {
		for before := range 3 {
			text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + name))
			first, last := (before*8+5)/6, (before+len(name))*8/6
			all = append(all, regexp.QuoteMeta(strings.ToLower(text[first:last])))
		}
	}
	return strings.Join(all, "|")
}

var otherSigns = []sign{
	{serverSideRequest, 10, inAll, decoded, `\A\W{0,2}(?:(?:https?|ftp|gopher|dict|\w{2,10}):)?[/\\]{2,}(?:[^/\\@\s]*@)?` + metadata + `(?:[:/\\?#]|\z)`},
	{serverSideRequest, 8, inURL | inBody, decoded, `\A(?:https?:)?[/\\]{0,3}` + metadata + `/(?:latest|computemetadata|metadata|openstack|opc|v1)`},
	{serverSideRequest, 6, inTarget | notSearch, decoded, `\A` + metadata + `\z`},
	{serverSideRequest, 8, inAll, decoded, `\A(?:gopher|dict)://[\w.\[\]:-]+`},
	{serverSideRequest, 6, inURL | inBody, decoded, `\A(?:https?|ftp):[/\\]{2,}(?:[^/@]*@)?(?:0x[0-9a-f]{8}|0x[0-9a-f]+\.0x[0-9a-f.x]+|\d{8,10}|0[0-7]{9,}|0\d{2,}\.\d+\.\d+\.\d+|127\.\d{1,3}|\[[0:]*:\]|\[(?:0*:)*:?(?:ffff:)?(?:127\.0\.0\.1|7f00:0?0?0?1|0:0|169\.254\.\d+\.\d+)\])(?::\d+)?(?:[/?#]|\z)`},
	{serverSideRequest, 6, inURL | inBody, decoded, `\Ahttps?:[/\\]{2,}[\w.-]+(?::\d+)?[@\\#](?:127\.|localhost|0\.0\.0\.0|\[::1?\]|10\.|192\.168\.)`},
	{serverSideRequest, 3, inTarget | asPath, decoded, `\Ahttps?://(?:127\.|localhost|0\.0\.0\.0|\[::1?\]|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)`},

	{externalEntity, 10, inURL | inBody | inRaw, spaced, `\A[^<]{0,3}<(?:\?xml|!doctype|!entity).*<! ?entity(?: ?% ?| )[^>]*(?:system|public) ?["'].*`},
	{externalEntity, 10, inURL | inBody | inRaw, spaced, `\A[^<]{0,3}(?:<\?xml[^>]*> ?)?<!doctype[^\[>]*\[[^\]]*<! ?entity ?% ?`},
	{externalEntity, 10, inURL | inBody | inRaw, spaced, `\A[^<]{0,3}(?:<\?xml[^>]*> ?)?(?:<!--.*--> ?)?<!doctype ?[\w:-]+ ?(?:system ?["'](?:file|php|expect|https?://(?:\d|localhost|\[)|ftp|gopher|jar|netdoc|data|/))`},
	{externalEntity, 8, inURL | inBody | inRaw, spaced, `\A[^<]{0,3}(?:<\?xml[^>]*> ?)?<!doctype ?[\w:-]+ ?system ?["'](?:https?|ftp)://[\w.-]+:\d`},
	{externalEntity, 8, inRaw, spaced, `<(?:\w+:)?retrievalmethod[^>]* uri ?= ?["'](?:https?|ftp|file|jar|gopher):`},
	{externalEntity, 8, inURL | inBody | inRaw, spaced, `\A[^<]{0,3}<(?:\?xml|!doctype).*<! ?entity ?\w+ ?["'](?:&\w+; ?){4,}`},
	{externalEntity, 8, inURL | inBody | inRaw, spaced, `<(?:\w+:)?include[^>]* href ?= ?["'](?:file:|/etc|[a-z]:|php:|https?://(?:\d|localhost))`},
	{externalEntity, 8, inURL | inBody | inRaw, spaced, `\A[^<]{0,3}<.*(?:<xsl:(?:value-of|variable)[^>]*(?:php:function|system-property|document ?\(|java:|rt:)|xmlns:\w+ ?= ?["'](?:http://php\.net/xsl|http://xml\.apache\.org/xalan/java|urn:schemas-microsoft-com:xslt))`},

	{deserialization, 10, inAll | inRaw, decoded, `\A\W{0,3}(?:ro0a|h4siaaaaaaaa|[^\x00-\x7f]{2}\x00\x05).*(?:commons.?collections|transform|templatesimpl|badattributevalue|invokertransformer|annotationinvocation|hashtable|priorityqueue|ysoserial|javax.?management|com\.sun|jdk7u21|spring.?framework|hibernate|groovy)`},
	{deserialization, 6, inAll, decoded, `\A\W{0,3}ro0ab[\w+/=-]{8,}`},
	{deserialization, 6, inRaw, decoded, `\A[^\x00-\x7f]{2}\x00\x05[p-~]`},
	{deserialization, 10, inAll | inRaw, decoded, `\A\W{0,2}(?:[\w+/=%-]*;)?(?:.*[{;])?o:\d+:"[\w\\]*(?:monolog|guzzlehttp|symfony|illuminate|laravel|pendingbroadcast|fnstream|swift_|doctrine|zend|phpggc|wp_|requests_|cachedkeyset|thinkphp|think\\|yii|codeigniter|tcpdf|slim\\|carbon|drupal|magento|snappy|phpexcel|phpseclib|faker)[\w\\]*":`},
	{deserialization, 6, inAll, decoded, `\A(?:a:\d+:\{.*[;{])?[oc]:\+?\d+:"(?:[^s"]|s[^t"]|st[^d"])[\w\\]*":\d+:\{`},
	{deserialization, 10, inAll | inRaw | inName, decoded, `(?:` + inBase64("TextFormattingRunProperties", "ObjectDataProvider", "ActivitySurrogateSelector", "InvokerTransformer", "TemplatesImpl", "JdbcRowSetImpl", "BadAttributeValueExp", "AnnotationInvocationHandler", "GuzzleHttp\\", "Monolog\\Handler") + `)`},
	{deserialization, 10, inAll | inRaw, decoded, `jdbcrowsetimpl|lib\.sql\.jndiconnectionpool`},
	{deserialization, 8, inAll | inName, decoded, `(?:\A|[^\w+/])aaeaaad/////aqaaaa`},
	{deserialization, 8, inRaw, decoded, `[>"'= ]ro0ab[\w+/]{16}`},
	{deserialization, 8, inFile, decoded, `[|;{"']o:\+?\d+:\\*"[\w\\]+":\d+:\{`},
	{deserialization, 10, inURL | inBody, decoded, `\A\\?(?:guzzlehttp\\(?:psr7|cookie)|monolog\\handler|symfony\\component\\(?:process|cache)|illuminate\\(?:broadcasting|bus|support\\facades)|yii\\(?:rbac|rest|caching)|phpunit\\framework\\mock|think\\(?:process|model))[\w\\]+\z`},
	{deserialization, 6, inTarget, decoded, `[;!"'{]o:\+?\d+:"[\w\\]+":\d+:\{`},
	{deserialization, 6, inURL | inBody, decoded, `\A\W{0,2}(?:tzo|tz0|yto[0-9])[\w+/]{16,}=*\z`},
	{deserialization, 6, inAll, decoded, `\A\W{0,3}aaeaaad/////[\w+/=]{16,}`},
	{deserialization, 10, inBody | inRaw | inURL, spaced, `"?\$?_?_?type"? ?[:=] ?"(?:system\.(?:windows\.data\.objectdataprovider|diagnostics\.process|management\.automation|configuration\.install|security\.principal|data\.|io\.file|activities|workflow)|microsoft\.(?:exchange|visualstudio)|presentationframework)`},
	{deserialization, 10, inAll | inRaw, decoded, `(?:objectdataprovider|typeconfusedelegate|windowsidentity\b.*bootstrapcontext|activitysurrogateselector|textformattingrunproperties|losformatter|objectstateformatter|psobject.*<objs)`},
	{deserialization, 10, inBody | inRaw | inURL, spaced, `["']?@type["']? ?: ?["'](?:com\.sun\.|org\.apache\.|java\.lang\.(?:class|autocloseable|runtime)|javax\.|org\.springframework|l?com\.sun|ch\.qos|oracle\.|br\.com|com\.zaxxer|com\.mchange|org\.hibernate)`},
	{deserialization, 10, inBody | inRaw | inURL, spaced, `!!(?:python/(?:object(?:/apply|/new)?|name|module)|javax?\.|com\.sun\.|org\.)[:.\w]|!ruby/(?:object|hash|struct|class):|!<!?tag:yaml\.org,2002:(?:python|ruby|js/function)`},
	{deserialization, 10, inAll | inRaw, decoded, `\A[^\x00-\x7f]?[^\n]*c(?:os|posix|nt|subprocess|builtins|__builtin__|commands|sys|pty|socket|webbrowser|importlib)\n(?:system|popen|eval|exec|check_output|run|call|execfile|spawn|getattr|__import__)\n`},
	{deserialization, 10, inAll | inRaw, decoded, `\A[^\x00-\x7f][\x02-\x05].*(?:posix|subprocess|builtins|nt)\W{0,6}(?:system|popen|eval|exec|getattr|check_output)`},
	{deserialization, 8, inAll, decoded, `\A(?:y29z|y3bvc2l4|y19fynvpbhrpbl9f|ynvpbhrpbnm|kgrw|gasv|gan9|gav9|gasc)[\w+/=-]{12,}.*(?:c3lzdgvt|cg9wzw4|zxzhb|zxhly|c3vichjvy2vzc)`},
	{deserialization, 10, inAll | inRaw, spaced, `_\$\$nd_func\$\$_|<java(?: version| class|>).*<(?:object|void) .*(?:class|method) ?= ?["'](?:java\.lang\.(?:process|runtime)|javax)|<(?:java\.util\.priorityqueue|sorted-set|java\.beans\.eventhandler|dynamic-proxy|tree-map).*(?:processbuilder|eventhandler|imageio)|<object-stream>`},

	{deserialization, 10, inAll, decoded, `\A\s*\[?l?(?:com\.sun\.(?:rowset|org\.apache)\.|org\.apache\.(?:commons\.(?:collections|configuration|dbcp|beanutils)|xalan|tomcat\.dbcp|ibatis|shiro|xbean|log4j|naming|hadoop)\S*\.|org\.springframework\.(?:beans|context|aop|transaction)\.|ch\.qos\.logback\.|com\.mchange\.|com\.zaxxer\.hikari|org\.hibernate\.jmx|javax\.(?:script\.|swing\.jeditorpane|management\.)|java\.(?:lang\.(?:runtime|processbuilder|autocloseable)|net\.urlclassloader|util\.(?:logging|priorityqueue|jar|prefs))|system\.(?:windows\.data\.objectdataprovider|diagnostics\.process|management\.automation|configuration\.install|activities\.|workflow\.)|microsoft\.visualstudio\.text\.formatting)[\w.$;/]*(?:,.*)?\z`},

	{headerInjection, 8, inTarget | notSearch, whole, `(?:\r\n?|\n|\x{560a}|\x{560d})[ \t]*(?:set-cookie|location|content-(?:type|length|disposition|security-policy)|transfer-encoding|access-control-allow-\w+|refresh|link|host|x-[\w-]+|http/[12]\.?\d?) ?[:/ ]`},
	{headerInjection, 8, inTarget, whole, `(?:\r\n|\n)(?:get|post|put|delete|head|options|patch) [^ \n]+ http/1`},
	{headerInjection, 8, inTarget | inBody | asPath, whole, `\A[^\n@]*@[^\n@]*\r?\n(?:bcc|cc|to|from|subject|reply-to|mime-version|content-type|x-mailer):`},
	{headerInjection, 8, inTarget | notSearch, whole, `(?:\r\n|\n)(?:\+?ok|set |flushall|config set|slaveof|eval |save|quit|helo |ehlo |mail from:|rcpt to:|stats|gets? )`},

	{directoryInjection, 8, inAll, spaced, `\A[\w@. *-]{0,40}\*?\)+ ?\(?[|&!]? ?\(+ ?[|&!]? ?\(?[\w-]+ ?[~<>]?=`},
	{directoryInjection, 6, inAll, spaced, `\A\*\)\(\w|\A\*+\([|&]\(\w+ ?=|\A[^(]*\)\((?:\||&)[()]`},
	{directoryInjection, 8, inAll, spaced, few + quote + ` ?\] ?\| ?//|` + few + quote + ` ?(?:or|and) ?(?:count ?\(|name ?\(|string-length ?\(|position ?\(|contains ?\(|substring ?\( ?//|node\(\))`},

	{requestInBody, 10, inRaw | inBody, decoded, `\A(?:0\r?\n\r?\n|\r?\n)*(?:get|post|put|delete|head|options|patch|trace|connect) \S+ http/1\.[01]\r?\n(?:[\w-]+:|x)`},
	{requestInBody, 10, inRaw, decoded, `\A0?\r?\n\r?\n(?:get|post|put|delete|head|options|patch|trace) `},

	// How many there are is counted: see [manyCalls].
	{loginBatch, 6, inBody | inTarget | inRaw, spaced, checkCall},
}
