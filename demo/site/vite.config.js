import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    // Every asset is a file with its hash in its name, however small it is.
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        // React keeps its name when only the page's own code changes, so that it is neither sent nor loaded again.
        manualChunks: { react: ["react", "react-dom", "react-dom/client", "react/jsx-runtime"] },
      },
    },
  },
});
