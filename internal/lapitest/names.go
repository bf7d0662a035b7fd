package lapitest

// scenarios are names as in decisions of CrowdSec's community; with lists, about
// fifty.
var scenarios = []string{
	"crowdsecurity/ssh-bf", "crowdsecurity/ssh-slow-bf", "crowdsecurity/http-probing",
	"crowdsecurity/http-crawl-non_statics", "crowdsecurity/http-bad-user-agent",
	"crowdsecurity/http-path-traversal-probing", "crowdsecurity/http-sensitive-files",
	"crowdsecurity/http-admin-interface-probing", "crowdsecurity/http-backdoors-attempts",
	"crowdsecurity/http-sqli-probing", "crowdsecurity/http-xss-probing",
	"crowdsecurity/http-wordpress-scan", "crowdsecurity/http-bf-wordpress_bf",
	"crowdsecurity/http-wordpress_user-enum", "crowdsecurity/http-wordpress_wpconfig",
	"crowdsecurity/http-open-proxy", "crowdsecurity/http-generic-bf",
	"crowdsecurity/http-cve-probing", "crowdsecurity/http-w00tw00t",
	"crowdsecurity/CVE-2017-9841", "crowdsecurity/CVE-2019-18935",
	"crowdsecurity/CVE-2022-26134", "crowdsecurity/CVE-2022-37042",
	"crowdsecurity/CVE-2022-41082", "crowdsecurity/CVE-2023-49103",
	"crowdsecurity/jira_cve-2021-26086", "crowdsecurity/thinkphp-cve-2018-20062",
	"crowdsecurity/spring4shell_cve-2022-22965", "crowdsecurity/apache_log4j2_cve-2021-44228",
	"crowdsecurity/fortinet-cve-2018-13379", "crowdsecurity/netgear_rce",
	"crowdsecurity/nginx-req-limit-exceeded", "crowdsecurity/vsftpd-bf",
	"crowdsecurity/postfix-spam", "crowdsecurity/dovecot-spam", "crowdsecurity/mysql-bf",
	"crowdsecurity/smb-bf", "crowdsecurity/iptables-scan-multi_ports",
	"crowdsecurity/telnet-bf", "crowdsecurity/proftpd-bf",
}

// lists are names of subscribed blocklists. Their decisions have them as scenario.
var lists = []string{
	"tor-exit-nodes", "firehol_greensnow", "firehol_voipbl", "firehol_cruzit_web_attacks",
	"firehol_botscout_7d", "firehol_cybercrime", "otx-webscanners", "free_proxies",
	"public-internet-scanners", "curated_botnet_actors",
}
