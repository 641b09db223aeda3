import { defineConfig } from "vite";

// The Go server that the dev server hands API requests to.
const backend = process.env.HOLDALL_URL ?? "http://127.0.0.1:8090";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../pb_public",
    emptyOutDir: true,
    target: ["chrome123", "firefox121", "safari17.5"],
    // Nothing is inlined: the server's content security policy admits files, not data in scripts or fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    port: 5173,
    proxy: { "/api": backend, "/_": backend },
  },
});
