// Prism follows a redirect of the server behind it by itself and shows where it leads; here the caller is to see the redirect.
const fetch = require("node-fetch");

const follow = fetch.default;
fetch.default = (url, options) => follow(url, { ...options, redirect: "manual" });
