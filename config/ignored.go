package config

import "strings"

// ignored are keys of the reference that Tidemark accepts without effect, each
// with the reason. An entry covers the keys below it.
var ignored = map[string]string{
	"logger.log_level":                           "use log_level",
	"logger.color":                               "the log has no colours",
	"logger.span_events":                         "the log has no spans",
	"logger.on_disk":                             "the log goes to stderr; let the service manager keep it",
	"storage.low_memory_mode":                    "memory is bounded by tidemark.budget_mb",
	"storage.update_concurrency":                 "each collection applies its log in order",
	"storage.node_type":                          "there is one type of node",
	"storage.performance":                        "the Go scheduler spreads work over the cores",
	"storage.optimizers_overwrite":               "segments are merged by size",
	"storage.optimizers.prevent_unoptimized":     "segments are merged by size",
	"storage.hnsw_index.inline_storage":          "there is no vector graph yet",
	"storage.hnsw_global_config":                 "there is no vector graph yet",
	"storage.mmap_advice":                        "the kernel decides",
	"storage.update_queue_size":                  "memory is bounded by tidemark.budget_mb",
	"storage.handle_collection_load_errors":      "a collection that cannot be opened is always refused by name while the others serve",
	"storage.recovery_mode":                      "a collection that cannot be opened never keeps the others from serving",
	"storage.shard_transfer_method":              "there is one node",
	"storage.collection":                         "set it when you create the collection",
	"storage.max_collections":                    "the number of collections is not limited",
	"service.metrics_port":                       "metrics are served on service.http_port",
	"service.max_workers":                        "the Go scheduler spreads requests over the cores",
	"service.http_client_disconnect_timeout_sec": "a closed connection is noticed at once",
	"service.jwt_rbac":                           "tokens are refused; use the API keys",
	"service.enforce_internal_auth":              "there is one node",
	"service.hide_jwt_dashboard":                 "there is no dashboard",
	"service.static_content_dir":                 "there is no dashboard",
	"service.enable_static_content":              "there is no dashboard",
	"service.slow_query_secs":                    "requests are logged at level debug",
	"service.hardware_reporting":                 "usage is not reported",
	"service.enable_tls":                         "TLS is not part of this version",
	"service.verify_https_client_certificate":    "TLS is not part of this version",
	"cluster":            "there is one node",
	"tls":                "TLS is not part of this version",
	"telemetry_disabled": "nothing is ever sent anywhere",
	"audit":              "there is no audit log yet",
	"inference":          "vectors are made by the client",
	"gpu":                "vectors are searched on the CPU",
	"debugger":           "use tidemark.pprof_port",
	"feature_flags":      "there are none",
}

// refused are keys that would be unsafe to ignore with the given value: who set
// them relies on what they promise.
var refused = map[string]struct{ value, text string }{
	"service.enable_tls": {
		"true", "this version serves no TLS and would answer in the clear; put a proxy that ends TLS before it and remove the key",
	},
	"service.verify_https_client_certificate": {
		"true", "this version cannot check client certificates; put a proxy that does before it and remove the key",
	},
}

// whyIgnored returns the reason for which a key is accepted without effect.
func whyIgnored(key string) (string, bool) {
	for k := key; ; {
		if why, ok := ignored[k]; ok {
			return why, true
		}
		i := strings.LastIndexByte(k, '.')
		if i < 0 {
			return "", false
		}
		k = k[:i]
	}
}
