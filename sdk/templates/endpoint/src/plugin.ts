import { definePlugin, storage } from "@patchbay/sdk";

/** Notes over HTTP, below /api/plugins/run/<tenant>/<plugin>/. */
export default definePlugin({
  endpoints: {
    "PUT /notes/:name": {
      run: async ({ params, body = "" }) => {
        const { revision } = await storage.set(params["name"] ?? "", body);
        return { status: 201, json: { revision } };
      },
    },
    "GET /notes/:name": {
      run: async ({ params }) => {
        const text = await storage.getText(params["name"] ?? "");
        return text === undefined ? { status: 404, json: { error: "no such note" } } : { body: text };
      },
    },
  },
});
