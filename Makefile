.DEFAULT_GOAL := help
.PHONY: help build test lint sim bench cluster check smoke fuzz

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## Build everything (debug)
	swift build --build-tests

test: ## Run every test and a budget of simulator seeds
	ClusterScripts/test

lint: ## Check formatting of Swift and shell code
	swift format lint --strict --recursive Package.swift Sources Tests
	shellcheck -x ClusterScripts/start ClusterScripts/stop ClusterScripts/test ClusterScripts/smoke \
	    ClusterScripts/bench ClusterScripts/fuzz ClusterScripts/contract ClusterScripts/lib.sh .ci/run

sim: ## Simulate 1000 seeds
	swift run -c release martlet sim --seeds 1000 --seed 1

bench: ## Measure beside nginx; writes a Markdown table
	ClusterScripts/bench

cluster: ## Start a cluster in the foreground
	ClusterScripts/start

smoke: ## Start a throw-away cluster and run the printed curl lines
	ClusterScripts/smoke

fuzz: ## Fuzz the parsers for a minute each
	ClusterScripts/fuzz

check: lint test smoke ## What a reviewer runs
