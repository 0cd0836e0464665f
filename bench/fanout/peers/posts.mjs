// Reads what is posted to /pub and hands it over as an object.

export const onPost = (publish) => (request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    publish(JSON.parse(Buffer.concat(parts).toString()));
    response.end();
  });
};
