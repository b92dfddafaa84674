"""Makes knn.json: neighbours and class shares of scikit-learn, on data without ties in distance; soft votes with weights
exp(similarity / temperature), as a callable on cosine distances.

Needs: numpy, scikit-learn. Run in this folder: python knn.py
"""

import json

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

rng = np.random.default_rng(3)
train = np.round(rng.normal(size=(40, 5)) + 3, 4)  # far from the origin, so that cosine and euclidean differ
test = np.round(rng.normal(size=(12, 5)) + 3, 4)
classes = rng.integers(0, 3, 40)
values = np.round(rng.normal(size=(40, 2)), 4)
fits = []
for metric in ["cosine", "euclidean"]:
    for k in [1, 3, 10]:
        classifier = KNeighborsClassifier(k, metric=metric, algorithm="brute").fit(train, classes)
        regressor = KNeighborsRegressor(k, metric=metric, algorithm="brute").fit(train, values)
        fits.append(
            {
                "metric": metric,
                "k": k,
                "neighbours": classifier.kneighbors(test, return_distance=False).ravel().tolist(),
                "shares": classifier.predict_proba(test).ravel().tolist(),
                "means": regressor.predict(test).ravel().tolist(),
            }
        )
soft = []
for temperature in [0.02, 0.5]:
    for k in [1, 5, 40]:
        weights = lambda distances: np.exp((1 - distances) / temperature)
        settings = {"metric": "cosine", "algorithm": "brute", "weights": weights}
        classifier = KNeighborsClassifier(k, **settings).fit(train, classes)
        regressor = KNeighborsRegressor(k, **settings).fit(train, values)
        soft.append(
            {
                "temperature": temperature,
                "k": k,
                "shares": classifier.predict_proba(test).ravel().tolist(),
                "means": regressor.predict(test).ravel().tolist(),
            }
        )
data = {"train": train, "test": test, "classes": classes, "values": values}
json.dump({**{k: v.ravel().tolist() for k, v in data.items()}, "fits": fits, "soft": soft}, open("knn.json", "w"))
